"""Why an answer ended: the words of OpenAI and of those who speak its dialect with words of their own."""

from typing import Any, Final

from providers.dialects.canonical import Stop, StopReason

_REASONS: Final[dict[str, StopReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    # Mistral, z.ai, Zhipu, DeepSeek, OpenRouter, vLLM, TGI; and gateways that show the words of the model's vendor.
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "complete": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "error": "failed",
    "network_error": "failed",
    "insufficient_system_resource": "failed",
    "abort": "failed",
}
_WORDS: Final[dict[StopReason, str]] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "pause": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    # Never written: what failed is an error.
    "failed": "stop",
}
# What OpenAI's SDK knows.
_OPENAI: Final = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter"})


def read(word: Any, sequence: Any, *, calls: bool, said: bool) -> Stop:
    """`sequence` is the text that stopped it, where the server tells (vLLM, SGLang); else anything.

    A word that is none or unknown: what came decides. Of a tool that was demanded OpenAI says “stop”.
    """
    word = word if isinstance(word, str) else ""
    reason = _REASONS.get(word.lower())
    if reason is None and word.startswith("content_filter"):
        reason = "content_filter"
    if reason is None:
        reason = "tool_calls" if calls else "stop" if said else "failed"
    if calls and reason == "stop":
        reason = "tool_calls"
    elif reason == "tool_calls" and not calls:
        reason = "stop"
    if reason in {"stop", "stop_sequence"} and isinstance(sequence, str) and sequence:
        return Stop("stop_sequence", word, sequence)
    return Stop(reason, word)


def written(stop: Stop) -> str:
    return stop.word if stop.word in _OPENAI else _WORDS[stop.reason]
