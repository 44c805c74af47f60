"""A caller's body on its way to an upstream that speaks Messages too: changed in few places, else byte for byte."""

from collections.abc import Mapping
from typing import Any

import orjson

from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.anthropic.reasoning import goes_on_unthought
from providers.dialects.anthropic.writing import COUNT_ON_VERTEX, VERTEX_VERSION, request_path
from providers.dialects.base import Outline, Target
from providers.dialects.bodies import removed, replaced
from providers.dialects.signatures import unwrapped


def splice(body: bytes, outline: Outline, model: str | None, max_tokens: int | None, target: Target) -> bytes:
    """Vertex names the model in the path and wants its version in the body."""
    messages = outline.content["messages"]
    if any(_is_foreign(block) for message in messages for block in _blocks(message)):
        body = orjson.dumps(_fit(outline.content))
    changes: dict[tuple[str, ...], bytes] = {}
    if target.profile.vertex:
        body = removed(body, "model")
        if "anthropic_version" not in outline.content:
            changes["anthropic_version",] = orjson.dumps(VERTEX_VERSION)
    elif model is not None:
        changes["model",] = orjson.dumps(model)
    if max_tokens is not None:
        changes["max_tokens",] = str(max_tokens).encode()
    return replaced(body, changes)


def passed_path(path: str, outline: Outline, target: Target) -> str:
    """Of `/messages` and what stands below it."""
    below = path.partition("?")[0].strip("/")
    if target.profile.vertex:
        return COUNT_ON_VERTEX if below.endswith("count_tokens") else request_path(target, stream=outline.stream)
    return f"/v1/{below}"


def _blocks(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _is_foreign(block: Any) -> bool:
    """Thinking that another vendor signed, shown to callers in this dialect: no vendor of Messages takes it (T10)."""
    if not isinstance(block, dict) or block.get("type") not in ("thinking", "redacted_thinking"):
        return False
    proof = block.get("signature", block.get("data"))
    return isinstance(proof, str) and unwrapped(proof, DIALECT).dialect != DIALECT


def _fit(content: Mapping[str, Any]) -> dict[str, Any]:
    """Written anew without it; where that leaves a round of tools unthought, nothing more is thought in it."""
    messages = _without_foreign(content["messages"])
    thinking = content.get("thinking")
    by_budget = isinstance(thinking, dict) and thinking.get("type") == "enabled"
    changes = {"thinking": {"type": "disabled"}} if by_budget and goes_on_unthought(messages) else {}
    return {**content, "messages": messages, **changes}


def _without_foreign(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = []
    for message in messages:
        blocks = [block for block in _blocks(message) if not _is_foreign(block)]
        if blocks:
            kept.append({**message, "content": blocks})
        elif not _blocks(message):
            kept.append(message)
    return kept
