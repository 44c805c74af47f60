"""The object `response` around an output: how it begins, and how it ends, for callers of models of any dialect.

It repeats what was asked. What this gateway does not do (background, keeping the answer) it says plainly.
"""

from typing import Any, Final

from providers.dialects.base import Asked
from providers.dialects.canonical import Chat, HostedTool, Stop, StopReason, Text, Tool
from providers.dialects.responses import usage as counts
from providers.dialects.responses.content import NAME
from providers.dialects.responses.writing import written_choice, written_format
from providers.dialects.usage import Usage

# Why it is incomplete; all others are complete.
INCOMPLETE: Final[dict[StopReason, str]] = {
    "length": "max_output_tokens",
    "pause": "max_output_tokens",
    "content_filter": "content_filter",
}


def begun(asked: Asked) -> dict[str, Any]:
    """As in response.created."""
    chat = asked.chat if asked.chat is not None else Chat(NAME, asked.model)
    params = chat.params
    reasoning = chat.reasoning
    return {
        "id": f"resp_{asked.id}",
        "object": "response",
        "created_at": asked.created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": _instructions(chat),
        "max_output_tokens": chat.max_tokens,
        "max_tool_calls": None,
        "model": asked.model,
        "output": [],
        "parallel_tool_calls": chat.parallel_tools is not False,
        "previous_response_id": None,
        "prompt_cache_key": params.get("prompt_cache_key"),
        "reasoning": {"effort": reasoning.effort if reasoning else None, "summary": _summary(chat)},
        "safety_identifier": params.get("safety_identifier"),
        "service_tier": params.get("service_tier", "default"),
        "store": False,
        "temperature": params.get("temperature"),
        "text": {"format": written_format(chat.output, own=False) if chat.output else {"type": "text"}},
        "tool_choice": written_choice(chat.tool_choice) if chat.tool_choice else "auto",
        "tools": [_tool(tool) for tool in chat.tools if isinstance(tool, Tool) or tool.dialect == NAME],
        "top_logprobs": params.get("top_logprobs", 0),
        "top_p": params.get("top_p"),
        "truncation": "disabled",
        "usage": None,
        "user": params.get("user"),
        "metadata": params.get("metadata", {}),
    }


def ended(response: dict[str, Any], stop: Stop, output: list[dict[str, Any]], usage: Usage | None) -> dict[str, Any]:
    """The same response when nothing more comes."""
    why = INCOMPLETE.get(stop.reason)
    status = "failed" if stop.reason == "failed" else "incomplete" if why else "completed"
    failure = {"code": "server_error", "message": f"The model stopped without an answer ({stop.word or stop.reason})."}
    return {
        **response,
        "status": status,
        "error": failure if status == "failed" else None,
        "incomplete_details": {"reason": why} if why else None,
        "output": output,
        "usage": counts.written(usage) if usage is not None else None,
    }


def _instructions(chat: Chat) -> str | None:
    first = chat.turns[0] if chat.turns else None
    if chat.dialect != NAME or first is None or not (first.spelling or {}).get("instructions"):
        return None
    part = first.parts[0]
    return part.text if isinstance(part, Text) else None


def _summary(chat: Chat) -> str | None:
    spelt = (chat.reasoning.spelling or {}).get("summary") if chat.reasoning and chat.dialect == NAME else None
    return spelt if isinstance(spelt, str) else None


def _tool(tool: Tool | HostedTool) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        return tool.content
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        # What was not said here was not made true elsewhere.
        "strict": bool(tool.strict),
    }


def logprobs(told: Any) -> list[Any]:
    """As a list of tokens, in whichever of OpenAI's two forms they came."""
    listed = told.get("content") if isinstance(told, dict) else told
    return listed if isinstance(listed, list) else []
