"""A chat, written as a request of Messages: one that the API takes in both of its versions (T32)."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from providers.dialects.anthropic.conversation import write_turns
from providers.dialects.anthropic.draft import Draft
from providers.dialects.anthropic.reading import TIERS
from providers.dialects.anthropic.reasoning import Thought, write_reasoning
from providers.dialects.anthropic.tool_writing import Tools, write_tools
from providers.dialects.base import JSON, Given, Outgoing, Target
from providers.dialects.canonical import REFUSED, BadRequest, Chat

VERTEX_VERSION: Final = "vertex-2023-10-16"
# One address for all models.
COUNT_ON_VERTEX: Final = "/count-tokens:rawPredict"
_MOST_HEAT: Final = 1.0
# With thinking on, the API takes no top_p below it.
_LEAST_TOP_P_THINKING: Final = 0.95
_SAMPLING: Final = frozenset({"temperature", "top_p", "top_k"})
_TIERS: Final = {canonical: own for own, canonical in TIERS.items()}

Body = dict[str, Any]


def write_request(chat: Chat, target: Target, given: Given) -> Outgoing:
    """Raises BadRequest."""
    draft = Draft(chat, target, given)
    body = write_body(draft)
    return Outgoing(
        request_path(target, stream=chat.stream), [("content-type", JSON)], orjson.dumps(body), draft.report
    )


def write_body(draft: Draft) -> Body:
    """Raises BadRequest."""
    chat, target = draft.chat, draft.target
    max_tokens = _max_tokens(draft)
    tools = write_tools(draft)
    system, messages = write_turns(draft)
    thought = write_reasoning(draft, max_tokens, messages, forced=tools.forced)
    body: Body = {"anthropic_version": VERTEX_VERSION} if target.profile.vertex else {"model": target.model.name}
    body["max_tokens"] = max_tokens
    if system := _instructed(system, tools):
        body["system"] = system
    body["messages"] = messages
    _write_options(body, draft, tools, thought)
    for name, value in chat.params.items():
        if value is not None:
            _write_param(body, draft, thought, name, value)
    if chat.stream:
        body["stream"] = True
    _put_back(body, draft)
    draft.keep_four_marks(body)
    return body


def request_path(target: Target, *, stream: bool) -> str:
    """Below the provider's base URL; Vertex names the model and the manner of the answer in the path."""
    if not target.profile.vertex:
        return "/v1/messages"
    return f"/{quote(target.model.name, safe='@')}:{'streamRawPredict' if stream else 'rawPredict'}"


def _max_tokens(draft: Draft) -> int:
    """Required there: what was asked for, else the model's own most (T2)."""
    asked, most = draft.chat.max_tokens, draft.target.model.max_output_tokens
    if asked is None and most is None:
        message = "This model needs a limit of output tokens, and its own is not known here. Give one."
        raise BadRequest(draft.pointer("max_tokens"), message)
    if asked is not None and (most is None or asked <= most):
        return asked
    limit = most or 0
    if asked is not None:
        draft.report.clamped.append((draft.chat.name_of("max_tokens"), str(limit)))
    return limit


def _instructed(system: list[Body] | str, tools: Tools) -> list[Body] | str:
    if not tools.instruction:
        return system
    told = [{"type": "text", "text": system}] if isinstance(system, str) else system
    return [*told, {"type": "text", "text": tools.instruction}]


def _write_options(body: Body, draft: Draft, tools: Tools, thought: Thought) -> None:
    if tools.tools:
        body["tools"] = tools.tools
    if tools.choice is not None:
        body["tool_choice"] = tools.choice
    if thought.thinking is not None:
        body["thinking"] = thought.thinking
    config: Body = {}
    if thought.effort is not None:
        config["effort"] = thought.effort
    if tools.output_format is not None:
        if draft.own and draft.chat.name_of("output") == "output_format":
            body["output_format"] = tools.output_format
        else:
            config["format"] = tools.output_format
    if config:
        body["output_config"] = config
    if stops := [text for text in draft.chat.stop if text or draft.own]:
        if not draft.own and any(text.isspace() for text in stops):
            message = "This model does not stop at mere white space. Leave that stop sequence away."
            raise BadRequest(draft.pointer("stop"), message)
        body["stop_sequences"] = stops


# Plain parameters ----------------------------------------------------------------------------------------------------
def _write_param(body: Body, draft: Draft, thought: Thought, name: str, value: Any) -> None:
    write = _PLACES.get(name)
    if name in draft.target.profile.refuses or (name in _SAMPLING and _sampling_refused(draft, thought)):
        draft.report.drop(draft.chat.name_of(name))
    elif write is not None:
        write(body, draft, thought, value)
    elif name not in REFUSED:
        draft.report.drop(draft.chat.name_of(name))
    elif value and not (name == "n" and value == 1):
        message = f"This model has no “{draft.chat.name_of(name)}”, and without it the answer would be another one."
        raise BadRequest(draft.pointer(name), message)


def _sampling_refused(draft: Draft, thought: Thought) -> bool:
    sampling = draft.target.model.sampling
    return sampling == "no" or (sampling == "effort-none" and thought.on)


def _temperature(body: Body, draft: Draft, thought: Thought, value: Any) -> None:
    if draft.own:
        body["temperature"] = value
        return
    if thought.on and value != 1:
        draft.report.drop(draft.chat.name_of("temperature"))
        return
    most = min(_MOST_HEAT, draft.target.profile.max_temperature or _MOST_HEAT)
    fitting = min(max(value, 0), most)
    if fitting != value:
        draft.report.clamped.append((draft.chat.name_of("temperature"), str(fitting)))
    body["temperature"] = fitting


def _top_p(body: Body, draft: Draft, thought: Thought, value: Any) -> None:
    # Newer models take temperature or top_p, and refuse a request with both.
    both = draft.chat.params.get("temperature") is not None and not thought.on
    if not draft.own and (both or (thought.on and value < _LEAST_TOP_P_THINKING)):
        draft.report.drop(draft.chat.name_of("top_p"))
    else:
        body["top_p"] = value


def _top_k(body: Body, draft: Draft, thought: Thought, value: Any) -> None:
    if thought.on and not draft.own:
        draft.report.drop(draft.chat.name_of("top_k"))
    else:
        body["top_k"] = value


def _user(body: Body, draft: Draft, thought: Thought, value: Any) -> None:  # noqa: ARG001 (one signature for all)
    body["metadata"] = {"user_id": value}


def _service_tier(body: Body, draft: Draft, thought: Thought, value: Any) -> None:  # noqa: ARG001 (one signature for all)
    if isinstance(value, str) and value in _TIERS:
        body["service_tier"] = _TIERS[value]
    else:
        draft.report.drop(draft.chat.name_of("service_tier"))


_PLACES: Final[Mapping[str, Callable[[Body, Draft, Thought, Any], None]]] = {
    "temperature": _temperature,
    "top_p": _top_p,
    "top_k": _top_k,
    "user": _user,
    "safety_identifier": _user,
    "service_tier": _service_tier,
}


# What only a caller of this dialect says -----------------------------------------------------------------------------
def _put_back(body: Body, draft: Draft) -> None:
    if not draft.own:
        for name in draft.chat.extras:
            draft.report.drop(name)
        return
    for members in (draft.chat.extras, draft.chat.spelling):
        for name, value in members.items():
            written = body.get(name)
            if isinstance(written, dict) and isinstance(value, dict):
                body[name] = value | written
            elif written is None:
                body[name] = value
