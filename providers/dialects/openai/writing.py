"""A chat written as a request to an OpenAI-compatible upstream, within what its profile and its model take."""

from typing import Any, Final

import orjson

from providers.dialects.base import EVENT_STREAM, JSON, Given, Outgoing, Target
from providers.dialects.canonical import REFUSED, Chat, HostedTool, Reasoning, Tool, ToolChoice
from providers.dialects.openai.letter import Letter, word
from providers.dialects.openai.members import spelt
from providers.dialects.openai.reading import EFFORTS, PARAMS
from providers.dialects.openai.turns import messages_of

# Canonical name → member; what is not here is not part of the dialect.
_FIELDS: Final = {param: param for param, _ in PARAMS.values()}
# What a model that decides by itself how to sample refuses.
_SAMPLING: Final = frozenset({
    "temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty",
    "logit_bias",
})  # fmt: skip
# Effort by the budget of tokens that another dialect names, as large as at OpenRouter for 16,000 tokens of answer.
_BUDGETS: Final = ((3_200, "low"), (8_000, "medium"))
_SCHEMA_ASKED: Final = "Answer with one JSON object that is valid against this JSON Schema, and with nothing else:\n"


def write(chat: Chat, target: Target, given: Given) -> Outgoing:
    """Raises BadRequest."""
    letter = Letter(chat, target, given)
    content: dict[str, Any] = {"model": target.model.name, "messages": messages_of(letter)}
    if chat.stream:
        content["stream"] = True
    _put_usage_asked(letter, content)
    _put_limit(letter, content)
    _put_stop(letter, content)
    _put_tools(letter, content)
    _put_output(letter, content)
    _put_reasoning(letter, content)
    _put_params(letter, content)
    if letter.own:
        spelt(content, chat.extras, _spelling(letter))
    else:
        letter.lose(chat.extras)
    headers = [("content-type", JSON), ("accept", EVENT_STREAM if chat.stream else JSON)]
    return Outgoing("/chat/completions", headers, orjson.dumps(content), letter.report)


def _spelling(letter: Letter) -> dict[str, Any]:
    """Without the second limit: of two, only one is taken."""
    taken = letter.target.profile.max_tokens_field
    return {
        name: value for name, value in letter.chat.spelling.items() if name != "max_tokens" or taken != "max_tokens"
    }


def _put_usage_asked(letter: Letter, content: dict[str, Any]) -> None:
    """Always, where it can be asked for (T12)."""
    if letter.chat.stream and letter.target.profile.stream_options:
        content["stream_options"] = {"include_usage": True}


def _put_limit(letter: Letter, content: dict[str, Any]) -> None:
    limit, most = letter.chat.max_tokens, letter.target.model.max_output_tokens
    if limit is None:
        return
    if most is not None and limit > most:
        letter.report.clamped.append((letter.chat.name_of("max_tokens"), str(most)))
        limit = most
    content[letter.target.profile.max_tokens_field] = limit


def _put_stop(letter: Letter, content: dict[str, Any]) -> None:
    stop, most = letter.chat.stop, letter.target.profile.max_stop
    if not stop:
        return
    if most is not None and len(stop) > most:
        raise letter.refusal(f"This provider takes at most {most} stop sequences.", name="stop")
    content["stop"] = stop[0] if letter.own and letter.chat.spelling.get("~stop") else stop


def _put_params(letter: Letter, content: dict[str, Any]) -> None:
    chat, profile = letter.chat, letter.target.profile
    for param, value in chat.params.items():
        name = chat.name_of(param)
        field = _FIELDS.get(param)
        if field is None or param in profile.refuses or not _sampled(letter, param):
            if param in REFUSED and (value > 1 if param == "n" else value):
                raise letter.refusal(f"This provider has no “{name}”.", name=param)
            letter.report.drop(name)
        elif param == "temperature" and profile.max_temperature is not None and value > profile.max_temperature:
            letter.report.clamped.append((name, f"{profile.max_temperature:g}"))
            content[field] = profile.max_temperature
        elif param == "seed":
            content[profile.seed_field] = value
        else:
            content[field] = value


def _sampled(letter: Letter, param: str) -> bool:
    if param not in _SAMPLING:
        return True
    sampling = letter.target.model.sampling
    reasoning = letter.chat.reasoning
    return sampling == "yes" or (sampling == "effort-none" and reasoning is not None and reasoning.off)


# Tools ---------------------------------------------------------------------------------------------------------------
def _put_tools(letter: Letter, content: dict[str, Any]) -> None:
    chat, profile = letter.chat, letter.target.profile
    choice = chat.tool_choice
    kept = [tool for tool in chat.tools if not _withheld(letter, tool, choice)]
    if kept and letter.target.model.tools is False:
        raise letter.refusal(f"{letter.target.model.name} takes no tools.", name="tools")
    if kept and letter.target.model.chat_tools == "responses-only":
        raise letter.refusal(f"{letter.target.model.name} takes tools in the dialect of responses only.", name="tools")
    tools = [_tool(letter, tool) for tool in kept]
    old = letter.own and chat.spelling.get("~functions")
    if tools:
        content["functions" if old else "tools"] = [tool["function"] for tool in tools] if old else tools
    if choice is not None and (tools or letter.own):
        written = _choice(letter, choice, tools)
        if written is not None:
            content["function_call" if old else "tool_choice"] = _old_choice(written) if old else written
    if chat.parallel_tools is not None and (tools or letter.own):
        if profile.parallel_tools:
            content["parallel_tool_calls"] = chat.parallel_tools
        elif not chat.parallel_tools:
            letter.report.drop(chat.name_of("parallel_tools"))


def _withheld(letter: Letter, tool: Tool | HostedTool, choice: ToolChoice | None) -> bool:
    """Tools that may not be called (T7) where the provider cannot be told so. One that another provider runs is refused."""
    if isinstance(tool, HostedTool):
        if letter.own and tool.dialect == letter.chat.dialect:
            return False
        raise letter.refusal(f"The tool “{tool.kind}” is run by another provider; leave it out.", name="tools")
    if choice is None:
        return False
    if choice.allowed and not letter.own:
        return tool.name not in choice.allowed
    return choice.mode == "none" and "none" not in letter.target.profile.tool_choices


def _tool(letter: Letter, tool: Tool | HostedTool) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        return tool.content
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters if letter.own else _object_schema(tool.parameters)
    if tool.strict is not None and letter.target.profile.strict_tools:
        function["strict"] = tool.strict
    elif tool.strict:
        letter.report.drop("strict")
    written = {"type": "function", "function": function}
    if not letter.own:
        letter.lose(tool.extras)
        return written
    if word(tool, "untyped"):
        del written["type"]
    return spelt(written, tool.extras, tool.spelling)


def _object_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAI refuses an object without `properties`, which others allow."""
    if schema.get("type", "object") == "object" and "properties" not in schema:
        return {"type": "object", **schema, "properties": {}}
    return schema


def _choice(letter: Letter, choice: ToolChoice, tools: list[dict[str, Any]]) -> Any:
    """None leaves it to the provider. What cannot be enforced is refused (T7)."""
    takes = letter.target.profile.tool_choices
    required = letter.target.profile.required_word
    if letter.own and choice.allowed:
        allowed = [{"type": "function", "function": {"name": name}} for name in choice.allowed]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": allowed}}
    if choice.mode == "named" and "named" in takes:
        return {"type": "function", "function": {"name": choice.name}}
    if choice.mode == "required" and "required" in takes:
        return required
    # Of one tool, to name it and to demand one is the same.
    if choice.mode == "named" and "required" in takes and [_name(tool) for tool in tools] == [choice.name]:
        return required
    if choice.mode == "required" and "named" in takes and len(tools) == 1:
        return {"type": "function", "function": {"name": _name(tools[0])}}
    if choice.mode in {"named", "required"}:
        raise letter.refusal("This provider cannot be made to call a tool.", name="tool_choice")
    return choice.mode if choice.mode in takes else None


def _name(tool: dict[str, Any]) -> str:
    return str(tool.get("function", {}).get("name"))


def _old_choice(written: Any) -> Any:
    return written["function"] if isinstance(written, dict) else written


# Output --------------------------------------------------------------------------------------------------------------
def _put_output(letter: Letter, content: dict[str, Any]) -> None:
    output, profile = letter.chat.output, letter.target.profile
    if output is None or (output.kind == "text" and not letter.own):
        return
    if output.kind == "text":
        written: dict[str, Any] = {"type": "text"}
    elif output.kind == "schema" and letter.target.takes_schemas:
        inner: dict[str, Any] = {"schema": output.schema}
        if output.name or not letter.own:
            inner["name"] = output.name or "answer"
        if output.description is not None:
            inner["description"] = output.description
        if output.strict is not None:
            inner["strict"] = output.strict
        written = {"type": "json_schema", "json_schema": inner}
    elif profile.json_object:
        written = {"type": "json_object"}
        if output.kind == "schema":
            # The words also hold “JSON”, without which DeepSeek and OpenAI refuse the format.
            asked = _SCHEMA_ASKED + orjson.dumps(output.schema).decode()
            content["messages"].insert(_after_system(content["messages"]), {"role": "system", "content": asked})
            letter.report.emulated.append(letter.chat.name_of("output"))
    else:
        raise letter.refusal("This provider cannot be held to an answer in JSON.", name="output")
    content["response_format"] = spelt(written, output.extras, output.spelling) if letter.own else written
    if not letter.own:
        letter.lose(output.extras)


def _after_system(messages: list[dict[str, Any]]) -> int:
    return next((number for number, message in enumerate(messages) if message["role"] != "system"), len(messages))


# Reasoning -----------------------------------------------------------------------------------------------------------
def _put_reasoning(letter: Letter, content: dict[str, Any]) -> None:
    reasoning, model = letter.chat.reasoning, letter.target.model
    name = letter.chat.name_of("reasoning")
    if letter.chat.tools and model.chat_tools == "effort-none":
        # With tools this model takes no other.
        content["reasoning_effort"] = "none"
        if reasoning is not None and not reasoning.off:
            letter.report.clamped.append((name, "none"))
        return
    if reasoning is None:
        return
    if "reasoning" in letter.target.profile.refuses:
        letter.report.drop(name)
    elif letter.own and name == "reasoning":
        content["reasoning"] = _own_object(reasoning)
    elif (effort := _effort(reasoning)) is not None:
        fitting = _fitting(effort, model.efforts)
        if fitting != reasoning.effort:
            letter.report.clamped.append((name, fitting))
        content["reasoning_effort"] = fitting


def _own_object(reasoning: Reasoning) -> dict[str, Any]:
    written: dict[str, Any] = dict((reasoning.spelling or {}).get("~object", {}))
    if reasoning.budget is not None:
        written["max_tokens"] = reasoning.budget
    if reasoning.show is not None:
        written["exclude"] = not reasoning.show
    return spelt(written, reasoning.extras, reasoning.spelling)


def _effort(reasoning: Reasoning) -> str | None:
    """None leaves it to the model."""
    if reasoning.effort is not None or reasoning.budget in {None, -1}:
        return reasoning.effort
    if reasoning.off:
        return "none"
    budget = reasoning.budget or 0
    return next((effort for most, effort in _BUDGETS if budget <= most), "high")


def _fitting(effort: str, efforts: tuple[str, ...]) -> str:
    """The nearest one that the model takes, the lower of two."""
    if not efforts or effort in efforts or effort not in EFFORTS:
        return effort
    place = EFFORTS.index(effort)
    known = [each for each in efforts if each in EFFORTS]
    return min(known, key=lambda each: (abs(EFFORTS.index(each) - place), EFFORTS.index(each)), default=effort)
