"""Who runs models, as data: which dialects a vendor speaks where, what it needs to be connected, and how its OpenAI differs.

A vendor that only speaks OpenAI's dialect is one line. Addresses hold {placeholders} for what an operator is asked; every
address can be edited, and a key is bound to its hosts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from providers.dialects.profile import Auth, Door, Profile

ANTHROPIC_VERSION: Final = {"anthropic-version": "2023-06-01"}


@dataclass(frozen=True, slots=True)
class Need:
    """Something an operator has to say: a placeholder of the addresses."""

    name: str
    label: str
    help: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class Vendor:
    """`key` says what its secret looks like; empty for one that has none. `docs` is where it tells of its keys."""

    profile: Profile
    docs: str = ""
    needs: tuple[Need, ...] = ()
    key: str = "API key"
    # Run by the operator: its address is private, and prices are an explicit 0.
    local: bool = False

    @property
    def id(self) -> str:
        return self.profile.id

    @property
    def name(self) -> str:
        return self.profile.name

    def addresses(self, given: Mapping[str, str]) -> dict[str, str]:
        """By dialect, with the placeholders filled in. Raises KeyError for one that is missing."""
        return {door.dialect: door.base_url.format_map(given) for door in self.profile.doors}


CUSTOM: Final = Vendor(Profile("custom", "Custom", (Door("openai", "{url}"),)), needs=(Need("url", "Address"),))

_RESOURCE: Final = Need("resource", "Resource", "The first part of its host, before .openai.azure.com")
_LOCATION: Final = Need("location", "Location", "Such as us-central1 or europe-west4")
_PROJECT: Final = Need("project", "Project", "The project's id, not its name")
_REGION: Final = Need("region", "Region", "Such as us-east-1 or eu-central-1", "us-east-1")
_ACCOUNT: Final = Need("account", "Account")
_WORKSPACE: Final = Need("workspace", "Workspace", "Its address, without https://: adb-123.azuredatabricks.net")


def _openai(
    id_: str,
    name: str,
    host: str,
    *,
    docs: str = "",
    needs: tuple[Need, ...] = (),
    also: Iterable[Door] = (),
    auth: Auth = "bearer",
    local: bool = False,
    **flags: Any,
) -> Vendor:
    """One that speaks OpenAI's dialect at `host`, which may hold a path and its scheme."""
    url = host if "://" in host else f"https://{host}"
    doors = (Door("openai", url, auth), *also)
    key = "" if auth == "none" else "API key"
    return Vendor(Profile(id_, name, doors, **flags), docs, needs, key, local)


def _responses(url: str, auth: Auth = "bearer") -> Door:
    return Door("responses", url, auth)


def _anthropic(url: str, auth: Auth = "x-api-key") -> Door:
    return Door("anthropic", url, auth, ANTHROPIC_VERSION)


_MANY: Final = frozenset({"embeddings", "images", "speech", "transcriptions", "moderations", "completions"})
_REASONING: Final = frozenset({"reasoning_content"})
# Parameters of others that are refused with 400, not passed over: by OpenAI itself; and by those who check each member.
_OTHERS: Final = frozenset({"top_k", "min_p", "repetition_penalty"})
_OPENAIS: Final = frozenset({
    "user", "safety_identifier", "service_tier", "verbosity", "store", "prompt_cache_key", "prompt_cache_retention",
    "modalities", "audio", "logit_bias", "logprobs", "top_logprobs",
})  # fmt: skip
_GOOGLE: Final = "https://generativelanguage.googleapis.com/v1beta"
_VERTEX: Final = "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/publishers"

# The 35 vendors of the reference's list, in its spirit: what each has of its own stands here. ---------------------------
_WELL_KNOWN: Final = (
    _openai(
        "openai", "OpenAI", "api.openai.com/v1", docs="https://platform.openai.com/api-keys",
        also=(_responses("https://api.openai.com/v1"),),
        max_tokens_field="max_completion_tokens", developer_role=True, strict_tools=True, json_schema=True,
        name_field=True, beyond_chat=_MANY, refuses=_OTHERS,
    ),
    Vendor(
        Profile("anthropic", "Anthropic", (_anthropic("https://api.anthropic.com"),)),
        docs="https://console.anthropic.com/settings/keys",
    ),
    Vendor(
        Profile(
            "google", "Google Gemini",
            (Door("gemini", _GOOGLE, "x-goog-api-key"), Door("openai", f"{_GOOGLE}/openai")),
            usage_rule="google", json_schema=True, tool_id="any", reasoning_fields=frozenset({"extra_content"}),
            media_urls=False, beyond_chat=frozenset({"embeddings", "images"}),
        ),
        docs="https://aistudio.google.com/apikey",
    ),
    Vendor(
        Profile(
            "vertex_ai", "Google Vertex AI",
            (
                Door("gemini", f"{_VERTEX}/google/models", "google"),
                Door("anthropic", f"{_VERTEX}/anthropic/models", "google"),
            ),
            vertex=True,
        ),
        docs="https://cloud.google.com/vertex-ai/docs/authentication", needs=(_PROJECT, _LOCATION),
        key="Service account key (the JSON file's content)",
    ),
    Vendor(
        Profile("bedrock", "Amazon Bedrock", (Door("bedrock", "https://bedrock-runtime.{region}.amazonaws.com"),)),
        docs="https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html", needs=(_REGION,),
        key="Bedrock API key, or access key id:secret access key",
    ),
    _openai(
        "azure_openai", "Azure OpenAI", "{resource}.openai.azure.com/openai/v1", auth="api-key", needs=(_RESOURCE,),
        docs="https://learn.microsoft.com/azure/ai-services/openai/reference",
        also=(_responses("https://{resource}.openai.azure.com/openai/v1", "api-key"),),
        max_tokens_field="max_completion_tokens", developer_role=True, strict_tools=True, json_schema=True,
        name_field=True, beyond_chat=_MANY - {"moderations"}, refuses=_OTHERS,
    ),
    Vendor(
        Profile(
            "cohere", "Cohere",
            (Door("cohere", "https://api.cohere.com/v2"), Door("openai", "https://api.cohere.ai/compatibility/v1")),
            beyond_chat=frozenset({"embeddings", "rerank"}), max_temperature=1.0,
        ),
        docs="https://dashboard.cohere.com/api-keys",
    ),
    _openai(
        "mistralai", "Mistral AI", "api.mistral.ai/v1", docs="https://console.mistral.ai/api-keys",
        usage_rule="mistral", tool_id="alnum9", seed_field="random_seed", required_word="any", json_schema=True,
        document_part="document_url", max_temperature=1.5, reasoning_fields=frozenset({"thinking"}),
        beyond_chat=frozenset({"embeddings", "moderations", "speech", "transcriptions"}), stream_options=False,
        refuses=_OTHERS | _OPENAIS,
    ),
    _openai(
        "groq", "Groq", "api.groq.com/openai/v1", docs="https://console.groq.com/keys",
        also=(_responses("https://api.groq.com/openai/v1"),), json_schema=True,
        max_tokens_field="max_completion_tokens", reasoning_fields=frozenset({"reasoning"}),
        beyond_chat=frozenset({"speech", "transcriptions"}),
        refuses=_OTHERS | {"logprobs", "top_logprobs", "logit_bias", "n"},
    ),
    _openai(
        "deepseek", "DeepSeek", "api.deepseek.com/v1", docs="https://platform.deepseek.com/api_keys",
        also=(_anthropic("https://api.deepseek.com/anthropic"),), usage_rule="deepseek", reasoning_echo=True,
        reasoning_fields=_REASONING, max_stop=16, beyond_chat=frozenset(),
    ),
    _openai(
        "openrouter", "OpenRouter", "openrouter.ai/api/v1", docs="https://openrouter.ai/keys",
        also=(_responses("https://openrouter.ai/api/v1"),), json_schema=True,
        reasoning_fields=frozenset({"reasoning", "reasoning_details"}),
    ),
    _openai(
        "fireworks", "Fireworks AI", "api.fireworks.ai/inference/v1", docs="https://fireworks.ai/account/api-keys",
        json_schema=True, reasoning_fields=_REASONING, beyond_chat=frozenset({"embeddings", "images", "transcriptions", "completions"}),
    ),
    _openai(
        "moonshot", "Moonshot AI", "api.moonshot.ai/v1", docs="https://platform.moonshot.ai/console/api-keys",
        tool_choices=frozenset({"none", "auto"}), max_temperature=1.0, reasoning_echo=True, reasoning_fields=_REASONING,
        media_urls=False, beyond_chat=frozenset(),
    ),
    _openai(
        "moonshot_cn", "Moonshot AI (China)", "api.moonshot.cn/v1", docs="https://platform.moonshot.cn/console/api-keys",
        tool_choices=frozenset({"none", "auto"}), max_temperature=1.0, reasoning_echo=True, reasoning_fields=_REASONING,
        media_urls=False, beyond_chat=frozenset(),
    ),
    _openai(
        "minimax", "MiniMax", "api.minimax.io/v1", docs="https://platform.minimax.io/user-center/basic-information/interface-key",
        also=(_anthropic("https://api.minimax.io/anthropic"),), reasoning_fields=frozenset({"reasoning_details"}),
        beyond_chat=frozenset({"speech"}),
    ),
    _openai(
        "minimax_cn", "MiniMax (China)", "api.minimaxi.com/v1", docs="https://platform.minimaxi.com",
        also=(_anthropic("https://api.minimaxi.com/anthropic"),), reasoning_fields=frozenset({"reasoning_details"}),
        beyond_chat=frozenset({"speech"}),
    ),
    _openai("zhipuai", "Zhipu AI", "open.bigmodel.cn/api/paas/v4", docs="https://open.bigmodel.cn/usercenter/apikeys", reasoning_fields=_REASONING),
    _openai("chatglm", "ChatGLM", "open.bigmodel.cn/api/paas/v4", docs="https://open.bigmodel.cn/usercenter/apikeys", reasoning_fields=_REASONING),
    _openai(
        "tongyi", "Tongyi Qianwen", "dashscope.aliyuncs.com/compatible-mode/v1",
        docs="https://bailian.console.aliyun.com", reasoning_fields=_REASONING, json_schema=True,
        beyond_chat=frozenset({"embeddings", "rerank"}),
    ),
    _openai(
        "tongyi_intl", "Tongyi Qianwen (international)", "dashscope-intl.aliyuncs.com/compatible-mode/v1",
        docs="https://modelstudio.console.alibabacloud.com", reasoning_fields=_REASONING, json_schema=True,
        beyond_chat=frozenset({"embeddings", "rerank"}),
    ),
    _openai("bailian", "Alibaba Bailian", "dashscope.aliyuncs.com/compatible-mode/v1", docs="https://bailian.console.aliyun.com", reasoning_fields=_REASONING),
    _openai("volcengine_maas", "Volcengine Ark", "ark.cn-beijing.volces.com/api/v3", docs="https://console.volcengine.com/ark", reasoning_fields=_REASONING),
    _openai("hunyuan", "Tencent Hunyuan", "api.hunyuan.cloud.tencent.com/v1", docs="https://console.cloud.tencent.com/hunyuan/api-key"),
    _openai("hunyuan_intl", "Tencent Hunyuan (international)", "tokenhub-intl.tencentcloudmaas.com/v1"),
    Vendor(
        Profile(
            "ollama", "Ollama", (Door("ollama", "{url}", "none"), Door("openai", "{url}/v1", "none")),
            beyond_chat=frozenset({"embeddings"}), media_urls=False, reasoning_fields=frozenset({"reasoning"}),
        ),
        docs="https://docs.ollama.com/api", needs=(Need("url", "Address", "Where it listens", "http://localhost:11434"),),
        key="", local=True,
    ),
    _openai("lm_studio", "LM Studio", "{url}/v1", needs=(Need("url", "Address", "", "http://localhost:1234"),), auth="none", local=True, docs="https://lmstudio.ai/docs"),
    _openai("xinference", "Xinference", "{url}/v1", needs=(Need("url", "Address", "", "http://localhost:9997"),), auth="none", local=True, docs="https://inference.readthedocs.io", beyond_chat=frozenset({"embeddings", "rerank", "images"})),
    _openai("nvidia", "NVIDIA NIM", "integrate.api.nvidia.com/v1", docs="https://build.nvidia.com"),
    _openai("huggingface_hub", "Hugging Face", "router.huggingface.co/v1", docs="https://huggingface.co/settings/tokens"),
    _openai("novita", "Novita AI", "api.novita.ai/v3/openai", docs="https://novita.ai/settings/key-management"),
    _openai("upstage", "Upstage", "api.upstage.ai/v1/solar", docs="https://console.upstage.ai/api-keys"),
    _openai("wenxin", "Baidu Qianfan", "qianfan.baidubce.com/v2", docs="https://console.bce.baidu.com/qianfan"),
    _openai("spark", "iFlytek Spark", "spark-api-open.xf-yun.com/v1", docs="https://console.xfyun.cn"),
    _openai("siliconflow", "SiliconFlow", "api.siliconflow.cn/v1", docs="https://cloud.siliconflow.cn/account/ak", beyond_chat=frozenset({"embeddings", "rerank", "images"}), reasoning_fields=_REASONING),
    _openai("baichuan", "Baichuan", "api.baichuan-ai.com/v1", docs="https://platform.baichuan-ai.com/console/apikey"),
    _openai("yi", "01.AI", "api.lingyiwanwu.com/v1", docs="https://platform.lingyiwanwu.com/apikeys"),
    _openai("stepfun", "StepFun", "api.stepfun.com/v1", docs="https://platform.stepfun.com/interface-key"),
    _openai("zhinao", "360 Zhinao", "api.360.cn/v1", docs="https://ai.360.com/platform"),
    _openai("perfxcloud", "PerfXCloud", "perfxcloud.io/v1", docs="https://www.perfxcloud.cn"),
)  # fmt: skip

# The long tail: one line each. -----------------------------------------------------------------------------------------
_LONG_TAIL: Final = (
    _openai("xai", "xAI", "api.x.ai/v1", also=(_responses("https://api.x.ai/v1"),), usage_rule="xai", json_schema=True, reasoning_fields=_REASONING, docs="https://console.x.ai", beyond_chat=frozenset({"images"})),
    _openai("together", "Together AI", "api.together.ai/v1", docs="https://api.together.ai/settings/api-keys", json_schema=True, beyond_chat=frozenset({"embeddings", "images", "rerank", "completions"})),
    _openai("perplexity", "Perplexity", "api.perplexity.ai", usage_rule="perplexity", docs="https://www.perplexity.ai/account/api/keys", json_schema=True, beyond_chat=frozenset()),
    _openai("deepinfra", "DeepInfra", "api.deepinfra.com/v1/openai", docs="https://deepinfra.com/dash/api_keys"),
    _openai("cerebras", "Cerebras", "api.cerebras.ai/v1", docs="https://cloud.cerebras.ai", max_tokens_field="max_completion_tokens", json_schema=True, beyond_chat=frozenset(), refuses=frozenset({"frequency_penalty", "presence_penalty", "logit_bias"})),
    _openai("sambanova", "SambaNova", "api.sambanova.ai/v1", docs="https://cloud.sambanova.ai/apis"),
    _openai("zai", "Z.ai", "api.z.ai/api/paas/v4", docs="https://z.ai/manage-apikey/apikey-list", reasoning_fields=_REASONING),
    _openai("modelscope", "ModelScope", "api-inference.modelscope.cn/v1", docs="https://modelscope.cn/my/myaccesstoken"),
    _openai("ai21", "AI21 Labs", "api.ai21.com/studio/v1", docs="https://studio.ai21.com/v2/account/api-key"),
    _openai("codestral", "Codestral", "codestral.mistral.ai/v1", docs="https://console.mistral.ai/codestral", usage_rule="mistral", tool_id="alnum9", seed_field="random_seed", required_word="any", stream_options=False, refuses=_OTHERS | _OPENAIS),
    _openai("github", "GitHub Models", "models.inference.ai.azure.com", docs="https://github.com/settings/tokens"),
    _openai("vercel", "Vercel AI Gateway", "ai-gateway.vercel.sh/v1", docs="https://vercel.com/docs/ai-gateway"),
    _openai("cloudflare", "Cloudflare Workers AI", "api.cloudflare.com/client/v4/accounts/{account}/ai/v1", needs=(_ACCOUNT,), docs="https://developers.cloudflare.com/workers-ai"),
    _openai("databricks", "Databricks", "{workspace}/serving-endpoints", needs=(_WORKSPACE,), docs="https://docs.databricks.com/machine-learning/model-serving"),
    _openai("snowflake", "Snowflake Cortex", "{account}.snowflakecomputing.com/api/v2", needs=(_ACCOUNT,), docs="https://docs.snowflake.com/user-guide/snowflake-cortex"),
    _openai("nebius", "Nebius", "api.studio.nebius.ai/v1", docs="https://studio.nebius.ai/settings/api-keys"),
    _openai("hyperbolic", "Hyperbolic", "api.hyperbolic.xyz/v1", docs="https://app.hyperbolic.xyz/settings"),
    _openai("lambda", "Lambda", "api.lambda.ai/v1", docs="https://cloud.lambda.ai/api-keys"),
    _openai("baseten", "Baseten", "inference.baseten.co/v1", docs="https://app.baseten.co/settings/api_keys"),
    _openai("nscale", "Nscale", "inference.api.nscale.com/v1", docs="https://console.nscale.com"),
    _openai("ovhcloud", "OVHcloud", "oai.endpoints.kepler.ai.cloud.ovh.net/v1", docs="https://endpoints.ai.cloud.ovh.net"),
    _openai("scaleway", "Scaleway", "api.scaleway.ai/v1", docs="https://console.scaleway.com"),
    _openai("crusoe", "Crusoe", "api.inference.crusoecloud.com/v1", docs="https://docs.crusoecloud.com"),
    _openai("friendli", "FriendliAI", "api.friendli.ai/serverless/v1", docs="https://friendli.ai/suite/setting/tokens"),
    _openai("featherless", "Featherless", "api.featherless.ai/v1", docs="https://featherless.ai/account/api-keys"),
    _openai("parasail", "Parasail", "api.parasail.io/v1", docs="https://www.saas.parasail.io/keys", refuses=frozenset({"store"})),
    _openai("gmi", "GMI Cloud", "api.gmi-serving.com/v1", docs="https://console.gmicloud.ai"),
    _openai("meta", "Meta", "api.meta.ai/v1", also=(_responses("https://api.meta.ai/v1"), _anthropic("https://api.meta.ai")), docs="https://llama.developer.meta.com"),
    _openai("llama", "Llama API", "api.llama.com/compat/v1", docs="https://llama.developer.meta.com"),
    _openai("inception", "Inception Labs", "api.inceptionlabs.ai/v1", docs="https://platform.inceptionlabs.ai"),
    _openai("morph", "Morph", "api.morphllm.com/v1", docs="https://morphllm.com/dashboard/api-keys"),
    _openai("reka", "Reka", "api.reka.ai/v1", docs="https://platform.reka.ai"),
    _openai("sarvam", "Sarvam AI", "api.sarvam.ai/v1", auth="api-subscription-key", docs="https://dashboard.sarvam.ai"),
    _openai("publicai", "Public AI", "api.publicai.co/v1", content_parts=False, docs="https://platform.publicai.co"),
    _openai("wandb", "Weights & Biases", "api.inference.wandb.ai/v1", docs="https://wandb.ai/authorize"),
    _openai("digitalocean", "DigitalOcean", "inference.do-ai.run/v1", docs="https://cloud.digitalocean.com/gen-ai"),
    _openai("clarifai", "Clarifai", "api.clarifai.com/v2/ext/openai/v1", docs="https://clarifai.com/settings/security"),
    _openai("aimlapi", "AI/ML API", "api.aimlapi.com/v1", docs="https://aimlapi.com/app/keys"),
    _openai("cometapi", "CometAPI", "api.cometapi.com/v1", docs="https://api.cometapi.com/console/token"),
    _openai("302ai", "302.AI", "api.302.ai/v1", docs="https://302.ai"),
    _openai("aihubmix", "AiHubMix", "aihubmix.com/v1", docs="https://aihubmix.com/token"),
    _openai("poe", "Poe", "api.poe.com/v1", docs="https://poe.com/api_key"),
    _openai("chutes", "Chutes", "llm.chutes.ai/v1", docs="https://chutes.ai/app/api"),
    _openai("venice", "Venice", "api.venice.ai/api/v1", docs="https://venice.ai/settings/api"),
    _openai("nano_gpt", "NanoGPT", "nano-gpt.com/api/v1", docs="https://nano-gpt.com/api"),
    _openai("synthetic", "Synthetic", "api.synthetic.new/openai/v1", docs="https://synthetic.new"),
    _openai("mimo", "Xiaomi MiMo", "api.xiaomimimo.com/v1", docs="https://platform.xiaomimimo.com", reasoning_fields=_REASONING),
    _openai("streamlake", "StreamLake", "vanchin.streamlake.ai/api/gateway/v1/endpoints", docs="https://streamlake.com"),
    _openai("v0", "v0", "api.v0.dev/v1", docs="https://v0.dev/chat/settings/keys"),
    _openai("edenai", "Eden AI", "api.edenai.run/v3", docs="https://app.edenai.run"),
    _openai("inference_net", "Inference.net", "api.inference.net/v1", docs="https://inference.net/dashboard/api-keys"),
    _openai("io_net", "io.net", "api.intelligence.io.solutions/api/v1", docs="https://ai.io.net/ai/api-keys"),
    _openai("monster", "MonsterAPI", "llm.monsterapi.ai/v1", docs="https://monsterapi.ai"),
    _openai("krutrim", "Krutrim", "cloud.olakrutrim.com/v1", docs="https://cloud.olakrutrim.com"),
    _openai("voyage", "Voyage AI", "api.voyageai.com/v1", docs="https://dashboard.voyageai.com", beyond_chat=frozenset({"embeddings", "rerank"})),
    _openai("jina", "Jina AI", "api.jina.ai/v1", docs="https://jina.ai/api-dashboard", beyond_chat=frozenset({"embeddings", "rerank"})),
    _openai("vllm", "vLLM", "{url}/v1", needs=(Need("url", "Address", "", "http://localhost:8000"),), auth="none", local=True, docs="https://docs.vllm.ai", json_schema=True, beyond_chat=frozenset({"embeddings", "rerank", "completions"}), reasoning_fields=_REASONING),
    _openai("sglang", "SGLang", "{url}/v1", needs=(Need("url", "Address", "", "http://localhost:30000"),), auth="none", local=True, docs="https://docs.sglang.ai", json_schema=True),
    _openai("llama_cpp", "llama.cpp", "{url}/v1", needs=(Need("url", "Address", "", "http://localhost:8080"),), auth="none", local=True, docs="https://github.com/ggml-org/llama.cpp", json_schema=True),
    _openai("localai", "LocalAI", "{url}/v1", needs=(Need("url", "Address", "", "http://localhost:8080"),), auth="none", local=True, docs="https://localai.io"),
)  # fmt: skip

VENDORS: Final[Mapping[str, Vendor]] = {vendor.id: vendor for vendor in (CUSTOM, *_WELL_KNOWN, *_LONG_TAIL)}
