"""What the demo provider says, without I/O: answers in OpenAI's format, made up, with honest counts.

A token is a word. Wishes stand in brackets in the last message:

- `[long 500]` an answer of so many words; `[delay 2s]`, `[delay 200ms]` wait before the head; `[slow 50ms]` between chunks
- `[fail 500]`, `[fail 429]`, `[fail 401]`, `[fail 402]`, … that status with the vendor's envelope
- `[cut]` break off in the middle; `[hang]` never answer; `[no usage]` report none
"""

import base64
import hashlib
import re
import struct
from dataclasses import dataclass
from typing import Any, Final

from providers.demo.settings import EMBEDDING_SIZE

_WISH: Final = re.compile(r"\[(long|delay|slow|fail|cut|hang|no usage)(?: (\d+)(ms|s)?)?\]")
_ANSWER: Final = (
    "This answer comes from the demo provider: nothing of it is true, but its form, its stream and its usage are what "
    "a real model would send, so that a first call needs no account anywhere."
)
_WORDS: Final = _ANSWER.split()


@dataclass(frozen=True, slots=True)
class Wishes:
    words: int | None = None
    delay_s: float = 0.0
    pause_s: float = 0.0
    fail: int | None = None
    cut: bool = False
    hang: bool = False
    usage: bool = True


def wishes_of(text: str) -> Wishes:
    found = {name: (int(number or 0), unit) for name, number, unit in _WISH.findall(text)}

    def seconds(name: str) -> float:
        number, unit = found.get(name, (0, "s"))
        return number / 1000 if unit == "ms" else float(number)

    return Wishes(
        words=found["long"][0] if "long" in found else None,
        delay_s=seconds("delay"),
        pause_s=seconds("slow"),
        fail=found["fail"][0] if "fail" in found else None,
        cut="cut" in found,
        hang="hang" in found,
        usage="no usage" not in found,
    )


def text_of(content: Any) -> str:
    """Of a message: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def words_of_answer(wishes: Wishes, limit: int | None) -> tuple[list[str], str]:
    """The words, and why they end: `stop`, or `length` at the limit."""
    wanted = wishes.words if wishes.words is not None else len(_WORDS)
    kept = wanted if limit is None else min(wanted, limit)
    return [_WORDS[i % len(_WORDS)] for i in range(kept)], "stop" if kept == wanted else "length"


def usage(messages: list[Any], words: int) -> dict[str, Any]:
    prompt = sum(len(text_of(message.get("content")).split()) + 3 for message in messages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": words,
        "total_tokens": prompt + words,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def embedding(text: str, *, as_base64: bool) -> Any:
    """Numbers that depend on the text alone, of length one."""
    digest = hashlib.sha512(text.encode()).digest()
    raw = [byte / 127.5 - 1 for byte in (digest * (EMBEDDING_SIZE // len(digest) + 1))[:EMBEDDING_SIZE]]
    norm = sum(number * number for number in raw) ** 0.5
    vector = [number / norm for number in raw]
    return base64.b64encode(struct.pack(f"<{EMBEDDING_SIZE}f", *vector)).decode() if as_base64 else vector


def error(status: int) -> dict[str, Any]:
    """As OpenAI words it."""
    kind, code, message = _ERRORS.get(
        status, ("server_error", None, "The server had an error while processing your request.")
    )
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


_ERRORS: Final[dict[int, tuple[str, str | None, str]]] = {
    400: ("invalid_request_error", None, "Invalid request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    402: ("insufficient_quota", "insufficient_balance", "Insufficient balance."),
    403: (
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached."),
}
