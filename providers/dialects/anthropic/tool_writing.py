"""Tools, the choice among them, and the answer in JSON, which is a tool where the model has no schemas of its own.

That tool's name tells the reader of the answer to turn its input into text again, so nothing has to be remembered.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.anthropic.draft import Draft
from providers.dialects.anthropic.schemas import strict
from providers.dialects.anthropic.tool_reading import NO_INPUT
from providers.dialects.canonical import BadRequest, HostedTool, OutputFormat, Tool, ToolCall

ANSWER_TOOL: Final = "json_answer_of_this_turn"
_ANSWER_DESCRIPTION: Final = "Give the answer by this tool, once, in the form of its input."
_JSON_ONLY: Final = "Answer with one JSON object and nothing else: no words before or after it, no Markdown fences."
_CHOICES: Final = {"auto": "auto", "required": "any", "named": "tool", "none": "none"}


@dataclass(slots=True)
class Tools:
    tools: list[dict[str, Any]] = field(default_factory=list)
    choice: dict[str, Any] | None = None
    # output_config.format.
    output_format: dict[str, Any] | None = None
    # A further text of the system prompt.
    instruction: str = ""

    @property
    def forced(self) -> bool:
        """Then the model may not think before (T11)."""
        return self.choice is not None and self.choice["type"] in {"any", "tool"}


def write_tools(draft: Draft) -> Tools:
    """Raises BadRequest."""
    chat = draft.chat
    allowed = _allowed(draft)
    written = Tools([_tool(draft, tool) for tool in chat.tools if allowed is None or _name(tool) in allowed])
    written.choice = _choice(draft, written.tools)
    if not written.tools:
        _declare_history(draft, written)
    if chat.output is not None and chat.output.kind != "text":
        _write_output(draft, written, chat.output)
    if chat.parallel_tools is not None:
        _write_parallel(draft, written, parallel=chat.parallel_tools)
    return written


def _allowed(draft: Draft) -> tuple[str, ...] | None:
    choice = draft.chat.tool_choice
    if choice is None or not choice.allowed:
        return None
    draft.report.emulated.append(draft.chat.name_of("tool_choice"))
    return choice.allowed


def _name(tool: Tool | HostedTool) -> str:
    return tool.name if isinstance(tool, Tool) else str(tool.content.get("name", ""))


def _tool(draft: Draft, tool: Tool | HostedTool) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        if tool.dialect != DIALECT:
            message = (
                f"The tool “{tool.kind}” runs at another provider. Leave it away, or choose a model of that provider."
            )
            raise BadRequest(draft.pointer("tools"), message)
        return draft.as_it_came(tool.content)
    written: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    schema = NO_INPUT if tool.parameters is None else tool.parameters
    if schema.get("type") != "object" and not draft.own:
        schema = {"type": "object", **{name: value for name, value in schema.items() if name != "type"}}
    if tool.strict is True and draft.target.takes_schemas:
        schema = _strict(draft, "tools", schema)
    written["input_schema"] = schema
    if tool.strict is not None and (draft.target.takes_schemas or not tool.strict):
        written["strict"] = tool.strict
    elif tool.strict:
        draft.report.drop("strict")
    return draft.add_members(written, tool.extras, tool.spelling)


def _strict(draft: Draft, param: str, schema: dict[str, Any]) -> dict[str, Any]:
    if draft.own:
        return schema
    closed, lost = strict(schema)
    for keyword in lost:
        draft.report.drop(f"{draft.chat.name_of(param)}/{keyword}")
    return closed


def _choice(draft: Draft, tools: list[dict[str, Any]]) -> dict[str, Any] | None:
    choice = draft.chat.tool_choice
    if choice is None:
        return None
    if not tools and not draft.own:
        if choice.mode in {"required", "named"}:
            raise BadRequest(draft.pointer("tool_choice"), "A tool is asked for, but there are none in “tools”.")
        return None
    written: dict[str, Any] = {"type": _CHOICES[choice.mode]}
    if choice.mode == "named":
        written["name"] = choice.name
    return written


def _declare_history(draft: Draft, written: Tools) -> None:
    """The API refuses calls in the history of a request without tools: they are named, and none may be called."""
    if draft.own:
        return
    names = {part.name: None for turn in draft.chat.turns for part in turn.parts if isinstance(part, ToolCall)}
    if names:
        written.tools = [{"name": name, "input_schema": NO_INPUT} for name in names]
        written.choice = {"type": "none"}


def _write_parallel(draft: Draft, written: Tools, *, parallel: bool) -> None:
    if written.choice is None and written.tools:
        written.choice = {"type": "auto"}
    if written.choice is not None and (draft.own or written.choice["type"] != "none"):
        written.choice["disable_parallel_tool_use"] = not parallel


# An answer in JSON ---------------------------------------------------------------------------------------------------
def _write_output(draft: Draft, written: Tools, output: OutputFormat) -> None:
    if output.kind == "schema" and draft.target.takes_schemas:
        schema = _strict(draft, "output", _named(draft, output))
        written.output_format = draft.add_members(
            {"type": "json_schema", "schema": schema}, output.extras, output.spelling
        )
        return
    draft.report.emulated.append(draft.chat.name_of("output"))
    draft.add_members({}, output.extras, None)
    if output.kind == "json":
        written.instruction = _JSON_ONLY
    else:
        _force_answer(draft, written, output)


def _named(draft: Draft, output: OutputFormat) -> dict[str, Any]:
    """The schema with the format's name and description, which have no place of their own."""
    schema = output.schema or {}
    named = {}
    for member, keyword, text in (("name", "title", output.name), ("description", "description", output.description)):
        if text and keyword not in schema:
            named[keyword] = text
        elif text and text != schema[keyword]:
            draft.report.drop(f"{draft.chat.name_of('output')}/{member}")
    return named | schema


def _force_answer(draft: Draft, written: Tools, output: OutputFormat) -> None:
    schema = _named(draft, output)
    if schema.get("type", "object") != "object":
        message = "The outermost type of the schema must be “object” for this model."
        raise BadRequest(draft.pointer("output"), message)
    choice = draft.chat.tool_choice
    if choice is not None and choice.mode in {"required", "named"}:
        # A tool is called this time, so there is no answer to be formed.
        return
    written.tools.append(
        {
            "name": ANSWER_TOOL,
            "description": output.description or _ANSWER_DESCRIPTION,
            "input_schema": {"type": "object"} | schema,
        }
    )
    usable = draft.chat.tools and not (choice is not None and choice.mode == "none")
    written.choice = {"type": "any"} if usable else {"type": "tool", "name": ANSWER_TOOL}
