"""What a caller of the demo provider may ask for, in brackets in its last message or in the header `X-Demo`.

- `[long 500]` an answer of so many words; `[delay 2s]`, `[delay 200ms]` wait before the head; `[slow 50ms]` between chunks
- `[fail 500]`, `[fail 429]`, `[fail 401]`, `[fail 529]`, … that status with the vendor's envelope; `[fail late]` an error
  within the stream
- `[cut]` break off in the middle; `[hang]` never answer; `[no usage]` report none; `[odd 7]` in pieces of so many bytes
- `[tool]` call the first tool, `[tools 2]` so many at once; `[think 20]` reason in so many words before
- `[refuse]` decline to answer; `[filter]` stop for its content; `[cache 100]` so many tokens came from the cache
- `[image]` answer with an image
"""

import re
from dataclasses import dataclass
from typing import Final

_WISH: Final = re.compile(
    r"\[(long|delay|slow|fail|cut|hang|no usage|odd|tools?|think|refuse|filter|cache|image)(?: (\d+|late)(ms|s)?)?\]"
)


@dataclass(frozen=True, slots=True)
class Wishes:
    words: int | None = None
    delay_s: float = 0.0
    pause_s: float = 0.0
    fail: int | None = None
    fail_late: bool = False
    cut: bool = False
    hang: bool = False
    usage: bool = True
    # Bytes of a piece; 0 sends events as they are.
    odd: int = 0
    # How many tools to call, whether or not the caller insists.
    tools: int = 0
    think: int = 0
    refuse: bool = False
    filter: bool = False
    cached: int = 0
    image: bool = False


def wishes_of(text: str) -> Wishes:
    found = {name: (number, unit) for name, number, unit in _WISH.findall(text)}

    def number(name: str, otherwise: int = 0) -> int:
        given = found.get(name, ("", ""))[0]
        return int(given) if given.isdigit() else otherwise

    def seconds(name: str) -> float:
        return number(name) / 1000 if found.get(name, ("", ""))[1] == "ms" else float(number(name))

    failing = found.get("fail", ("", ""))[0]
    return Wishes(
        words=number("long") if "long" in found else None,
        delay_s=seconds("delay"),
        pause_s=seconds("slow"),
        fail=number("fail", 500) if "fail" in found and failing != "late" else None,
        fail_late=failing == "late",
        cut="cut" in found,
        hang="hang" in found,
        usage="no usage" not in found,
        odd=number("odd"),
        tools=number("tools", 2) if "tools" in found else int("tool" in found),
        think=number("think", 12) if "think" in found else 0,
        refuse="refuse" in found,
        filter="filter" in found,
        cached=number("cache"),
        image="image" in found,
    )
