"""Ids. Outside, an object is known by its `ref` (kind and 16 random characters), a call by `req_` and its whole id.

Call ids are time-ordered (UUIDv7, RFC 9562): inserting them into a table with a million calls is three times as fast as
random ones, and the day a call belongs to is in its id.
"""

import os
import secrets
import uuid
from typing import Final

# Crockford's alphabet in lower case: no i, l, o, u, so a ref read aloud is not misread.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_REF_CHARACTERS: Final = 16
# Two characters at a step: an id is written for every call.
_LOW: Final = (1 << 60) - 1
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


def new_ref(kind: str) -> str:
    """`sub_…`: the kind and 80 random bits."""
    return f"{kind}_{''.join(secrets.choice(_ALPHABET) for _ in range(_REF_CHARACTERS))}"


def new_call_id(time_us: int) -> uuid.UUID:
    """UUIDv7 of a time in microseconds since 1970: 48 bits of milliseconds, then random."""
    random = int.from_bytes(_random_bytes(10), "big")
    value = (time_us // 1000) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class _Pool:
    """Random bytes of the kernel, fetched 4 KiB at a time: an id is made for every call."""

    data = b""
    at = 0


def _random_bytes(count: int) -> bytes:
    start, _Pool.at = _Pool.at, _Pool.at + count
    if _Pool.at > len(_Pool.data):
        _Pool.data, _Pool.at = os.urandom(4096), count
        start = 0
    return _Pool.data[start : start + count]


def _forget_in_child() -> None:
    """Two processes must not draw from one pool."""
    _Pool.data = b""


os.register_at_fork(after_in_child=_forget_in_child)


def request_id(call: uuid.UUID) -> str:
    """`req_` and 26 base32 characters, as `X-Request-Id` shows it."""
    # Two halves of 70 and 60 bits, written out: an id is shown with every call.
    high, low, pairs = call.int >> 60, call.int & _LOW, _PAIRS
    return (
        f"req_{pairs[high >> 60]}{pairs[high >> 50 & 1023]}{pairs[high >> 40 & 1023]}{pairs[high >> 30 & 1023]}"
        f"{pairs[high >> 20 & 1023]}{pairs[high >> 10 & 1023]}{pairs[high & 1023]}{pairs[low >> 50]}"
        f"{pairs[low >> 40 & 1023]}{pairs[low >> 30 & 1023]}{pairs[low >> 20 & 1023]}{pairs[low >> 10 & 1023]}"
        f"{pairs[low & 1023]}"
    )


def call_id(text: str) -> uuid.UUID | None:
    """The id in a `req_…` text; None when it is not one."""
    if len(text) != 30 or not text.startswith("req_") or text[4] > "7":
        return None
    value = 0
    for character in text[4:]:
        digit = _VALUES.get(character)
        if digit is None:
            return None
        value = value << 5 | digit
    return uuid.UUID(int=value)
