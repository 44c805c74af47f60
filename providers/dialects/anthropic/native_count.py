"""`count_tokens`, asked of Anthropic with a chat of any dialect."""

from dataclasses import replace
from typing import Final

import orjson

from providers.dialects.anthropic.draft import Draft
from providers.dialects.anthropic.writing import COUNT_ON_VERTEX, write_body
from providers.dialects.base import JSON, Given, Outgoing, Target, UnreadableAnswer
from providers.dialects.canonical import Chat
from providers.dialects.usage import count

# Members of a request that change the number; it refuses others.
_COUNTED: Final = frozenset({
    "anthropic_version", "model", "system", "messages", "tools", "tool_choice", "thinking", "output_config", "cache_control",
})  # fmt: skip

_ANY_LIMIT: Final = 64_000


def write_count_request(chat: Chat, target: Target, given: Given) -> Outgoing:
    """Raises BadRequest."""
    # A limit is not counted, so none has to be known.
    draft = Draft(replace(chat, max_tokens=chat.max_tokens or _ANY_LIMIT), target, given)
    body = {name: value for name, value in write_body(draft).items() if name in _COUNTED}
    body["model"] = target.model.name
    path = COUNT_ON_VERTEX if target.profile.vertex else "/v1/messages/count_tokens"
    return Outgoing(path, [("content-type", JSON)], orjson.dumps(body), draft.report)


def read_count(body: bytes) -> int:
    """Raises UnreadableAnswer."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableAnswer("The count is not JSON.") from error
    number = count(content.get("input_tokens")) if isinstance(content, dict) else None
    if number is None:
        raise UnreadableAnswer("The answer holds no count.")
    return number
