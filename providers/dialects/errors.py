"""What a provider's refusal means, whatever its shape. Codecs find the words in their dialect's envelope.

Money words are matched on the status and the provider's code or type. Free text decides only for the vendors and statuses
listed here: to hunt for words would take healthy keys out of use.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from providers.dialects.canonical import ErrorKind, UpstreamError

# Beyond it a provider's wish to wait is taken as absurd.
LONGEST_WAIT_S: Final = 600.0

_MONEY_WORDS: Final = frozenset({
    "insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active", "account_deactivated",
    "insufficient_balance", "insufficient_credits", "credit_balance_too_low", "spend_limit_exceeded",
    "monthly_spend_limit_exceeded", "workspace_spend_limit_exceeded", "out_of_credits", "arrearage", "overdue_payment",
})  # fmt: skip
# (vendor, status) to what its text then says of money.
_MONEY_TEXT: Final[Mapping[tuple[str, int], tuple[str, ...]]] = {
    ("anthropic", 400): ("credit balance is too low",),
    ("anthropic", 429): ("spend limit", "spending limit"),
    ("google", 429): ("prepayment credits are depleted",),
    ("vertex_ai", 429): ("prepayment credits are depleted",),
    ("openrouter", 403): ("key limit exceeded",),
    ("deepseek", 402): ("insufficient balance",),
}
_KEY_WORDS: Final = frozenset({
    "invalid_api_key", "authentication_error", "unauthenticated", "api_key_invalid", "invalid_authentication",
    "unrecognizedclientexception", "invalidsignatureexception", "expiredtokenexception", "missingauthenticationtokenexception",
    "incomplete_authentication",
})  # fmt: skip
# A bad key that some vendors call a bad request.
_KEY_TEXT: Final[Mapping[tuple[str, int], tuple[str, ...]]] = {
    ("xai", 400): ("incorrect api key",),
    ("google", 400): ("api key not valid", "api key expired", "api_key_invalid"),
    ("vertex_ai", 400): ("api key not valid",),
}
_FILTER_WORDS: Final = frozenset({
    "content_filter", "content_policy_violation", "contentfilter", "responsibleaipolicyviolation", "moderation_blocked",
    "data_inspection_failed", "datainspectionfailed", "sensitive",
})  # fmt: skip
_LENGTH_WORDS: Final = frozenset({
    "context_length_exceeded", "string_above_max_length", "request_too_large", "input_too_long", "model_max_prompt_tokens_exceeded",
})  # fmt: skip
# Vendors whose text alone tells that the input is too long; it changes nothing but whether a chain may go on.
_LENGTH_TEXT: Final = (
    "maximum context length", "context length exceeded", "context window", "prompt is too long",
    "input token count", "too many input tokens", "input is too long", "exceeds the maximum number of tokens",
)  # fmt: skip
_MODEL_WORDS: Final = frozenset({"model_not_found", "deploymentnotfound"})
_AGAIN: Final = frozenset({408, 409, 425})
_OVERLOADED: Final = frozenset({503, 529})


def upstream_error(
    status: int,
    headers: Mapping[str, str],
    *,
    vendor: str,
    message: str = "",
    code: str = "",
    type_: str = "",
    param: str = "",
    delay_s: float | None = None,
) -> UpstreamError:
    """`vendor` is the profile's id; `delay_s` what the body asked to wait (Gemini's retryDelay)."""
    return UpstreamError(
        kind=classify(status, vendor=vendor, message=message, code=code, type_=type_),
        status=status,
        message=message,
        code=code,
        type=type_,
        param=param,
        retry_after_s=_bounded(delay_s) if delay_s is not None else retry_after(headers),
    )


def classify(status: int, *, vendor: str, message: str, code: str, type_: str) -> ErrorKind:
    """By status first, then by the provider's own words for it."""
    words = {code.lower(), type_.lower()} - {""}
    text = message.lower()
    if status == 402 or (status >= 400 and _says(words, _MONEY_WORDS)) or _reads(_MONEY_TEXT, vendor, status, text):
        return "money"
    if status == 401 or _reads(_KEY_TEXT, vendor, status, text):
        return "key"
    if status == 403:
        return "key" if _says(words, _KEY_WORDS) else "model"
    if status == 404 and (not text or _says(words, _MODEL_WORDS) or "model" in text or "deployment" in text):
        # Also an address that does not exist there: nothing that the caller could mend.
        return "model"
    if status == 429:
        return "rate"
    if status in _AGAIN:
        return "again"
    if status in _OVERLOADED or _says(words, frozenset({"overloaded_error"})):
        return "overloaded"
    if 400 <= status < 500:
        return _about_the_request(words, text)
    return "server"


def _about_the_request(words: set[str], text: str) -> ErrorKind:
    if _says(words, _FILTER_WORDS):
        return "content_filter"
    if _says(words, _LENGTH_WORDS) or any(phrase in text for phrase in _LENGTH_TEXT):
        return "context_length"
    if _says(words, _KEY_WORDS):
        return "key"
    if _says(words, _MODEL_WORDS):
        return "model"
    return "request"


def _says(words: set[str], known: frozenset[str]) -> bool:
    return not words.isdisjoint(known)


def _reads(phrases: Mapping[tuple[str, int], tuple[str, ...]], vendor: str, status: int, text: str) -> bool:
    return any(phrase in text for phrase in phrases.get((vendor, status), ()))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds: milliseconds first, then seconds (fractions too) or an HTTP date; None for what is absent or absurd."""
    for name, per_second in (("retry-after-ms", 1000), ("x-ms-retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            return _bounded(float(value) / per_second)
        except ValueError:
            return _bounded(_until(value, headers.get("date", "")))
    return None


def _until(value: str, sent: str) -> float:
    """From the answer's own `Date` to the time named: no clock of ours is asked, and none of theirs has to be right."""
    try:
        return (_moment(value) - _moment(sent)).total_seconds()
    except (TypeError, ValueError):
        return math.nan


def _moment(text: str) -> datetime:
    at = parsedate_to_datetime(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _bounded(delay_s: float) -> float | None:
    return min(delay_s, LONGEST_WAIT_S) if 0 <= delay_s < math.inf else None


def masked(text: str, hidden: Sequence[str]) -> str:
    """A provider's text without our keys, addresses and account ids; the longest first, so that no part stays."""
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
