"""What a provider's refusal means, whatever its shape. Codecs find the words in their dialect's envelope."""

from collections.abc import Mapping
from typing import Final

from providers.dialects.canonical import ErrorKind, UpstreamError

# Beyond it a provider's wish to wait is taken as absurd.
LONGEST_WAIT_S: Final = 600.0


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
        retry_after_s=_bounded(delay_s if delay_s is not None else _header_delay_s(headers)),
    )


def _header_delay_s(headers: Mapping[str, str]) -> float | None:
    for name, per_second in (("retry-after-ms", 1000), ("x-ms-retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return float(headers[name]) / per_second
        except (KeyError, ValueError):
            continue
    return None


def _bounded(delay_s: float | None) -> float | None:
    return delay_s if delay_s is not None and 0 <= delay_s <= LONGEST_WAIT_S else None


def classify(status: int, *, vendor: str, message: str, code: str, type_: str) -> ErrorKind:  # noqa: ARG001
    if status in {401, 403}:
        return "key"
    if status == 402:
        return "money"
    if status == 429:
        return "rate"
    return "server" if status >= 500 else "request"
