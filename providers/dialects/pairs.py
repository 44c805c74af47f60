"""What each pair of dialects can carry, found out by asking the codecs. Pure.

A small chat for each feature is written in the caller's dialect, read as a caller's request, and written for the upstream.
What a caller's dialect cannot say in the first place is no feature of its pairs. Profiles and models that take everything
are assumed: a provider or a model may take less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from providers.dialects import canonical as c
from providers.dialects.base import Asked, CallerDialect, Fetched, Given, Outgoing, Target
from providers.dialects.canonical import Answer, BadRequest, Chat, Report
from providers.dialects.profile import ModelFacts, Profile
from providers.dialects.registry import CALLERS, UPSTREAMS

# whole: as it was said; fetched: the gateway fetches it; emulated: by other means; changed and dropped: brought near, or
# left out, and the caller is told; refused: 400 that names it; unsaid: the caller's dialect has no word for it.
Support = Literal["whole", "fetched", "emulated", "changed", "dropped", "refused", "unsaid"]

_MODEL: Final = "the-model"
_PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_URL: Final = "https://media.example/picture.png"
_SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_EVERYTHING: Final = Profile(
    "everything",
    "Everything",
    max_tokens_field="max_completion_tokens",
    developer_role=True,
    strict_tools=True,
    json_schema=True,
    name_field=True,
    reasoning_echo=True,
    reasoning_fields=frozenset({"reasoning_content", "reasoning", "reasoning_details", "thinking", "extra_content"}),
    max_temperature=None,
    max_stop=None,
)
_TARGET: Final = Target(_EVERYTHING, ModelFacts(_MODEL))


# Features ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    chat: Callable[[], Chat]
    # Dialects whose own word it is; empty: whoever can write it.
    callers: frozenset[str] = frozenset()


def _chat(*parts: c.Part, **rest: Any) -> Chat:
    return Chat("", _MODEL, [c.Turn("user", [c.Text("Hello"), *parts])], max_tokens=100, **rest)


def _with_tools(**rest: Any) -> Chat:
    return _chat(tools=[c.Tool("weather", "Of a city", _SCHEMA)], **rest)


def _system() -> Chat:
    chat = _chat()
    chat.turns.insert(0, c.Turn("system", [c.Text("Be brief."), c.Text("Be kind.")]))
    return chat


def _round_trip() -> Chat:
    chat = _with_tools()
    calls: list[c.Part] = [c.ToolCall(f"call_{city}", "weather", f'{{"city":"{city}"}}') for city in ("Rome", "Oslo")]
    results: list[c.Part] = [c.ToolResult(f"call_{city}", "weather", [c.Text("12 °C")]) for city in ("Rome", "Oslo")]
    chat.turns += [c.Turn("assistant", calls), c.Turn("tool", results)]
    return chat


def _cache_marks() -> Chat:
    chat = _chat()
    chat.dialect = "anthropic"
    chat.turns[0].parts[0].extras = {"cache_control": {"type": "ephemeral"}}  # type: ignore[union-attr]  # it is a Text
    return chat


FEATURES: Final = (
    Feature("Text", _chat),
    Feature("System prompt in blocks", _system),
    Feature("Image by bytes", lambda: _chat(c.Media("image", "image/png", data=_PIXEL))),
    Feature("Image by URL", lambda: _chat(c.Media("image", url=_URL))),
    Feature("Document (PDF)", lambda: _chat(c.Media("document", "application/pdf", data="JVBERi0=", name="a.pdf"))),
    Feature("Audio", lambda: _chat(c.Media("audio", "audio/wav", data="UklGRg=="))),
    Feature("Tools", _with_tools),
    Feature("Parallel calls and their results", _round_trip),
    Feature("One call at a time", lambda: _with_tools(parallel_tools=False)),
    Feature("A tool required", lambda: _with_tools(tool_choice=c.ToolChoice("required"))),
    Feature("A named tool", lambda: _with_tools(tool_choice=c.ToolChoice("named", "weather"))),
    Feature("Answer by JSON schema", lambda: _chat(output=c.OutputFormat("schema", _SCHEMA, "place"))),
    Feature("Reasoning by effort", lambda: _chat(reasoning=c.Reasoning(effort="high"))),
    Feature("Reasoning by budget", lambda: _chat(reasoning=c.Reasoning(budget=2048))),
    Feature("Stop sequences", lambda: _chat(stop=["END"])),
    Feature("Temperature", lambda: _chat(params={"temperature": 0.5})),
    Feature("top_k", lambda: _chat(params={"top_k": 5})),
    Feature("Seed", lambda: _chat(params={"seed": 7})),
    Feature("Penalties", lambda: _chat(params={"frequency_penalty": 0.5, "presence_penalty": 0.5})),
    Feature("Several choices (n)", lambda: _chat(params={"n": 2})),
    Feature("Log probabilities", lambda: _chat(params={"logprobs": True})),
    Feature("Cache marks", _cache_marks, callers=frozenset({"anthropic"})),
)
REPLAYED: Final = "Signed reasoning, sent back"


# Asking --------------------------------------------------------------------------------------------------------------
def table(caller: str) -> dict[str, dict[str, Support]]:
    """By feature and upstream."""
    rows = {feature.name: {name: support(caller, name, feature) for name in UPSTREAMS} for feature in FEATURES}
    return rows | {REPLAYED: {name: replayed(caller, name) for name in UPSTREAMS}}


def support(caller: str, upstream: str, feature: Feature) -> Support:
    request = _said(CALLERS[caller], feature)
    if request is None:
        return "unsaid"
    if caller == upstream:
        return "whole"
    dialect = UPSTREAMS[upstream]
    chat = _read(CALLERS[caller], request)
    # A request of Responses says it by itself, so that nothing is kept: no feature asked for it.
    chat.params.pop("store", None)
    fetched = {url: Fetched(_PIXEL, "image/png") for url in dialect.wanted_media(chat, _TARGET)}
    try:
        report = dialect.write_request(chat, _TARGET, Given(media=fetched)).report
    except BadRequest:
        return "refused"
    if report.dropped:
        return "dropped"
    told: dict[Support, bool] = {"changed": bool(report.clamped), "emulated": bool(report.emulated)}
    return next((word for word, holds in told.items() if holds), "fetched" if fetched else "whole")


def _said(dialect: CallerDialect, feature: Feature) -> Outgoing | None:
    if feature.callers and dialect.name not in feature.callers:
        return None
    try:
        request = dialect.write_request(feature.chat(), _TARGET, Given())
    except BadRequest:
        return None
    return request if request.report == Report() else None


def _read(dialect: CallerDialect, request: Outgoing) -> Chat:
    return dialect.read_request(dialect.outline(request.path.lstrip("/"), request.body))


# Reasoning there and back --------------------------------------------------------------------------------------------
_SIGNATURE: Final = "c2lnbmVkIGJ5IHRoZSBtb2RlbA=="


def replayed(caller: str, upstream: str) -> Support:
    """Whether a signature of the upstream's comes back to it when the caller sends the answer back in its own dialect."""
    thought = _thought(upstream)
    if not _holds_signature(Chat(upstream, _MODEL, [_USER, c.Turn("assistant", thought), _RESULT]), upstream):
        return "unsaid"
    answer = Answer(upstream, "an-id", _MODEL, [c.Choice(thought, c.Stop("tool_calls"))])
    written = CALLERS[caller].write_answer(answer, Asked(_MODEL, "0" * 24, 0, chat=Chat(caller, _MODEL, [_USER])))
    path, body = _sent_back(caller, orjson.loads(written))
    outline = CALLERS[caller].outline(path, orjson.dumps(body))
    return "whole" if _holds_signature(CALLERS[caller].read_request(outline), upstream) else "dropped"


_USER: Final = c.Turn("user", [c.Text("Hello")])
_RESULT: Final = c.Turn("tool", [c.ToolResult("call_1", "weather", [c.Text("12 °C")])])


def _thought(upstream: str) -> list[c.Part]:
    """Where a dialect signs: the first call (Gemini), else the thinking."""
    signature = c.Signature(upstream, _MODEL, _SIGNATURE)
    call = c.ToolCall("call_1", "weather", '{"city":"Rome"}')
    if upstream == "gemini":
        call.signature = signature
        return [call]
    return [c.Thinking("Where is it?", signature), call]


def _holds_signature(chat: Chat, upstream: str) -> bool:
    chat.max_tokens = 4096
    chat.tools = [c.Tool("weather", "Of a city", _SCHEMA)]
    return _SIGNATURE in UPSTREAMS[upstream].write_request(chat, _TARGET, Given()).body.decode()


def _sent_back(caller: str, answer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The next request as programs make it: the answer goes back as it came, the tool's result after it."""
    user = {"role": "user", "content": "Hello"}
    if caller == "openai":
        message = answer["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "12 °C"}
        return "chat/completions", {"model": _MODEL, "messages": [user, message, result]}
    if caller == "responses":
        call_id = next(item["call_id"] for item in answer["output"] if item["type"] == "function_call")
        output = {"type": "function_call_output", "call_id": call_id, "output": "12 °C"}
        return "responses", {"model": _MODEL, "input": [user, *answer["output"], output]}
    if caller == "anthropic":
        call_id = next(block["id"] for block in answer["content"] if block["type"] == "tool_use")
        result = {"type": "tool_result", "tool_use_id": call_id, "content": "12 °C"}
        turns = [user, {"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
        return "messages", {"model": _MODEL, "max_tokens": 4096, "messages": turns}
    content = answer["candidates"][0]["content"]
    response = {"functionResponse": {"name": "weather", "response": {"result": "12 °C"}}}
    turns = [{"role": "user", "parts": [{"text": "Hello"}]}, content, {"role": "user", "parts": [response]}]
    return f"models/{_MODEL}:generateContent", {"contents": turns}


# For people ----------------------------------------------------------------------------------------------------------
_SIGNS: Final[dict[Support, str]] = {
    "whole": "✓",
    "fetched": "fetched",
    "emulated": "emulated",
    "changed": "changed",
    "dropped": "left out",
    "refused": "400",
    "unsaid": "–",
}


def markdown() -> str:
    """A table for each caller's dialect."""
    return "\n".join(_table(caller) for caller in CALLERS)


def _table(caller: str) -> str:
    lines = [f"| Callers of `{caller}` | " + " | ".join(f"`{name}`" for name in UPSTREAMS) + " |"]
    lines.append("|---" * (len(UPSTREAMS) + 1) + "|")
    for feature, row in table(caller).items():
        if set(row.values()) != {"unsaid"}:
            lines.append(f"| {feature} | " + " | ".join(_SIGNS[support] for support in row.values()) + " |")
    return "\n".join(lines) + "\n"
