"""Every fixture through every pair of dialects, as text to be reviewed: what goes upstream, and what comes back.

    uv run python -m tests.providers.dialects.goldens

writes `goldens/{caller}-{upstream}/{requests,answers,streams}.txt` anew, and the README's table of what pairs carry; a
difference shows what a change means for callers. A request that a pair cannot carry stands there as its refusal. Of answers
those are left out that differ by their request alone, and of a Response what it repeats of its request.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from providers.dialects import canonical as c
from providers.dialects import pairs as carried
from providers.dialects.base import Asked, CallerDialect, Fetched, Given, Outgoing, Shown, Target
from providers.dialects.canonical import BadRequest, Chat, Report
from providers.dialects.profile import ModelFacts, Profile
from providers.dialects.registry import CALLERS, UPSTREAMS
from tests.providers.dialects import fixtures
from tests.providers.dialects.fixtures import Fixture
from tests.providers.dialects.strategies import PIXEL

FOLDER: Final = Path(__file__).parent / "goldens"
README: Final = Path(__file__).parents[3] / "README.md"
_MARKS: Final = ("<!-- pairs of dialects: written by tests.providers.dialects.goldens -->\n", "<!-- end of pairs -->\n")
# As each dialect's own provider is.
TARGETS: Final = {
    "openai": Target(
        Profile(
            "openai",
            "OpenAI",
            max_tokens_field="max_completion_tokens",
            developer_role=True,
            strict_tools=True,
            json_schema=True,
            refuses=frozenset({"top_k", "min_p", "repetition_penalty"}),
        ),
        ModelFacts("gpt"),
    ),
    "responses": Target(Profile("openai", "OpenAI", strict_tools=True, json_schema=True), ModelFacts("gpt")),
    "anthropic": Target(
        Profile("anthropic", "Anthropic"), ModelFacts("claude", max_output_tokens=64_000, thinking="budget")
    ),
    "gemini": Target(Profile("google", "Google"), ModelFacts("gemini", thinking="level")),
    "bedrock": Target(Profile("bedrock", "Bedrock"), ModelFacts("anthropic.claude-v1:0", max_output_tokens=64_000)),
    "cohere": Target(Profile("cohere", "Cohere"), ModelFacts("command")),
    "ollama": Target(Profile("ollama", "Ollama"), ModelFacts("llama", context_tokens=32_768)),
}
_WIDTH: Final = 110
_BY_REQUEST: Final = frozenset({
    "system_blocks", "multi_turn", "tool_round_trip", "image_bytes", "image_url", "document",
})  # fmt: skip
_OF_A_RESPONSE: Final = frozenset({
    "id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "usage", "problem",
})  # fmt: skip


def pairs() -> Iterator[tuple[str, str]]:
    yield from ((caller, upstream) for caller in CALLERS for upstream in UPSTREAMS if upstream in TARGETS)


def rendered(caller: str, upstream: str) -> dict[str, str]:
    """By file name. A pair of one dialect with itself is passed through, so nothing is written for it."""
    if caller == upstream:
        return {}
    return {
        "requests.txt": _sections(fixtures.load(caller, "request"), lambda each: _request(each, caller, upstream)),
        "answers.txt": _sections(_told(upstream, "answer"), lambda each: _answer(each, caller, upstream)),
        "streams.txt": _sections(_told(upstream, "stream"), lambda each: _stream(each, caller, upstream)),
    }


def _told(upstream: str, kind: Literal["answer", "stream"]) -> list[Fixture]:
    return [each for each in fixtures.load(upstream, kind) if each.scenario not in _BY_REQUEST]


def _sections(chosen: list[Fixture], write: Any) -> str:
    return "\n\n".join(f"== {each.scenario}\n{write(each)}" for each in chosen) + "\n"


# Requests ------------------------------------------------------------------------------------------------------------
def _request(fixture: Fixture, caller: str, upstream: str) -> str:
    codec = CALLERS[caller]
    try:
        chat = codec.read_request(codec.outline(fixture.path, fixture.body))
        sent = _sent(chat, upstream)
    except BadRequest as refusal:
        return f"400 {refusal.pointer}: {refusal.message}"
    return "\n".join([f"{sent.method} {sent.path}", *_headers(sent), *_report(sent.report), _json(sent.body)])


def _sent(chat: Chat, upstream: str) -> Outgoing:
    codec, target = UPSTREAMS[upstream], TARGETS[upstream]
    media = {url: Fetched(PIXEL, "image/png") for url in codec.wanted_media(chat, target)}
    return codec.write_request(chat, target, Given(media=media))


def _headers(sent: Outgoing) -> list[str]:
    return [f"{name}: {value}" for name, value in sent.headers if name.lower() not in {"content-type", "accept"}]


def _report(report: Report) -> list[str]:
    clamped = [f"{name} → {value}" for name, value in report.clamped]
    told = (("dropped", report.dropped), ("clamped", clamped), ("emulated", report.emulated))
    return [f"{what}: {', '.join(names)}" for what, names in told if names]


# Answers -------------------------------------------------------------------------------------------------------------
def _asked(*, stream: bool) -> Asked:
    chat = Chat("none", "asked-model", [c.Turn("user", [c.Text("Hello")])], stream=stream)
    return Asked("asked-model", "0123456789abcdef01234567", 1_790_000_000, stream, True, 17, chat)


def _answer(fixture: Fixture, caller: str, upstream: str) -> str:
    codec, target = UPSTREAMS[upstream], TARGETS[upstream]
    if fixture.status != 200:
        error = codec.read_error(fixture.status, {}, fixture.body, target)
        return f"{error.status} {error.kind}\n{_json(CALLERS[caller].write_error(_shown(error)))}"
    return _json(CALLERS[caller].write_answer(codec.read_answer(fixture.body, target), _asked(stream=False)))


def _stream(fixture: Fixture, caller: str, upstream: str) -> str:
    reader = UPSTREAMS[upstream].stream_reader(TARGETS[upstream])
    dialect: CallerDialect = CALLERS[caller]
    writer = dialect.stream_writer(_asked(stream=True))
    written = b""
    for event in [*reader.feed(fixture.body), *reader.close()]:
        written += writer.error(_shown(event.error)) if isinstance(event, c.Failed) else writer.write(event)
    text = written.decode().rstrip("\r\n")
    return "\n".join(_line(line) for line in text.splitlines()) if caller == "responses" else text


def _line(line: str) -> str:
    """Of a stream of Responses; shortened where it holds a whole one."""
    if not line.startswith("data: {"):
        return line
    return "data: " + json.dumps(_shortened(json.loads(line[6:])), ensure_ascii=False, separators=(",", ":"))


def _shortened(value: Any) -> Any:
    if isinstance(value, dict) and value.get("object") == "response":
        return {name: each for name, each in value.items() if name in _OF_A_RESPONSE}
    return {name: _shortened(each) for name, each in value.items()} if isinstance(value, dict) else value


def _shown(error: c.UpstreamError) -> Shown:
    return Shown(error.status or 502, error.code or "upstream-failed", error.message, param=error.param)


# Text ----------------------------------------------------------------------------------------------------------------
def _json(body: bytes) -> str:
    return pretty(_shortened(json.loads(body)))


def pretty(value: Any, indent: str = "") -> str:
    """JSON with whatever fits into a line on one line, in the order in which it came."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= _WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(name)}: {pretty(each, inner)}" for name, each in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + pretty(each, inner) for each in value) + f"\n{indent}]"


def write_all() -> None:
    for caller, upstream in pairs():
        for name, text in rendered(caller, upstream).items():
            path = FOLDER / f"{caller}-{upstream}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    README.write_text(readme(README.read_text(encoding="utf-8")), encoding="utf-8")


def readme(text: str) -> str:
    """With the tables of pairs as the code has them now."""
    before, _, rest = text.partition(_MARKS[0])
    _, _, after = rest.partition(_MARKS[1])
    return f"{before}{_MARKS[0]}\n{carried.markdown()}\n{_MARKS[1]}{after}"


if __name__ == "__main__":
    write_all()
