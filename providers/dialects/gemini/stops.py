"""Why a candidate ended: Google's words and ours."""

from typing import Any, Final

from providers.dialects.canonical import Stop, StopReason

_REASONS: Final[dict[str, StopReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        (
            "SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "RECITATION", "LANGUAGE", "OTHER", "MODEL_ARMOR",
            "ESCALATION", "PUP_LIMITED_DISABLED", "NO_IMAGE",
        ),
        "content_filter",
    ),
    **dict.fromkeys(
        (
            "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
            "MISSING_THOUGHT_SIGNATURE",
        ),
        "failed",
    ),
}  # fmt: skip
_WORDS: Final[dict[StopReason, str]] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "pause": "MAX_TOKENS",
    "failed": "OTHER",
}
# Vertex numbers its words when asked with `$alt=json;enum-encoding=int` (google.cloud.aiplatform.v1.Candidate).
_NUMBERED: Final = (
    "FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "BLOCKLIST",
    "PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL", "MODEL_ARMOR",
)  # fmt: skip


def finish_word(value: Any) -> str:
    """Empty where the candidate has not ended."""
    if isinstance(value, int) and 0 <= value < len(_NUMBERED):
        value = _NUMBERED[value]
    return value if isinstance(value, str) and value != "FINISH_REASON_UNSPECIFIED" else ""


def reason_of(word: str, *, called: bool, empty: bool) -> StopReason:
    """`called`: a function was called anywhere in the candidate, which Google does not say itself.

    A word that nobody knows is a failure where nothing came with it.
    """
    reason = _REASONS.get(word)
    if reason is None:
        if word.startswith("IMAGE_"):
            return "content_filter"
        reason = "failed" if empty else "stop"
    return "tool_calls" if reason == "stop" and called else reason


def word_of(stop: Stop) -> str:
    """Google's own word where it has one for this, as when it comes from Google."""
    if stop.reason == _REASONS.get(stop.word) or (stop.reason == "tool_calls" and stop.word == "STOP"):
        return stop.word
    return _WORDS[stop.reason]
