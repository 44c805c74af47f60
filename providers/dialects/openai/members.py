"""Members of a caller's JSON objects: of the right kind or refused by their pointer, and what is left of an object.

What the canonical form has no place for is kept: in `extras` where it means something, in `spelling` where it says nothing
(a null, an empty list). Names in `spelling` that begin with "~" are words of this codec, all others are members as they came.
"""

from collections.abc import Container, Mapping
from typing import Any, Final

from providers.dialects.canonical import BadRequest, Extras

_KINDS: Final[dict[Any, str]] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
}


def optional(holder: Mapping[str, Any], name: str, kind: type, pointer: str) -> Any:
    """None where it is absent or null. `float` takes whole numbers too. Raises BadRequest."""
    value = holder.get(name)
    if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
        return value
    if kind is float and type(value) is int:
        return value
    raise BadRequest(f"{pointer}/{name}", f"“{name}” must be {_KINDS[kind]}.")


def required(holder: Mapping[str, Any], name: str, kind: type, pointer: str) -> Any:
    value = optional(holder, name, kind, pointer)
    if value is None:
        raise BadRequest(f"{pointer}/{name}", f"“{name}” must be {_KINDS[kind]}.")
    return value


def named(holder: Mapping[str, Any], pointer: str) -> str:
    name = required(holder, "name", str, pointer)
    if not name:
        raise BadRequest(f"{pointer}/name", "“name” must not be empty.")
    return str(name)


def left(holder: Mapping[str, Any], known: Container[str]) -> tuple[Extras | None, Extras | None]:
    """Extras and spelling: what is not known, and what is null or empty."""
    extras: Extras | None = None
    spelling: Extras | None = None
    for name, value in holder.items():
        if value is None or value in ("", [], {}):
            spelling = {} if spelling is None else spelling
            spelling[name] = value
        elif name not in known:
            extras = {} if extras is None else extras
            extras[name] = value
    return extras, spelling


def spelt(holder: dict[str, Any], *kept: Extras | None) -> dict[str, Any]:
    """`holder` with what was kept of it; objects that stand in both are joined."""
    for extras in kept:
        for name, value in (extras or {}).items():
            if name.startswith("~"):
                continue
            if isinstance(value, dict) and isinstance(holder.get(name), dict):
                holder[name] = {**value, **holder[name]}
            else:
                holder.setdefault(name, value)
    return holder


def remember(spelling: Extras | None, **words: Any) -> Extras:
    """`words` of this codec, beside what is spelt already."""
    return {**(spelling or {}), **{f"~{name}": value for name, value in words.items()}}
