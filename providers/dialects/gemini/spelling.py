"""Members spelt in snake_case, which Google's servers take as well as camelCase (ProtoJSON), often mixed in one body.

The rest of the dialect knows camelCase alone. What a caller wrote is remembered by name, so that it can be written so again.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from providers.dialects.canonical import BadRequest

# Values with names of the caller's own, or in another vocabulary.
_OPAQUE: Final = frozenset({
    "args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "_responseJsonSchema",
    "labels", "partMetadata", "headers",
})  # fmt: skip
_STEP: Final = re.compile(r"_([a-z0-9])")


def camel(name: str) -> str:
    return _STEP.sub(lambda step: step[1].upper(), name) if "_" in name[1:] else name


def in_camel(content: Any, names: dict[str, str]) -> Any:
    """`content` with all its members in camelCase; `names` gets what was spelt otherwise. Raises BadRequest."""
    return _renamed(content, lambda name: _noted(name, names))


def as_spelt(content: Any, names: dict[str, str]) -> Any:
    """The way back."""
    return _renamed(content, lambda name: names.get(name, name)) if names else content


def pointer_as_spelt(pointer: str, names: dict[str, str]) -> str:
    return "/".join(names.get(segment, segment) for segment in pointer.split("/"))


def member(content: dict[str, Any], name: str, snake: str) -> Any:
    """One member in either spelling. Both at once is refused, since the upstream might read the other one."""
    if snake in content:
        if name in content:
            raise BadRequest(f"/{snake}", f"“{name}” stands there twice: also as “{snake}”.")
        return content[snake]
    return content.get(name)


def _noted(name: str, names: dict[str, str]) -> str:
    known = camel(name)
    if known != name:
        names[known] = name
    return known


def _renamed(content: Any, spelt: Callable[[str], str]) -> Any:
    if isinstance(content, list):
        return [_renamed(item, spelt) for item in content]
    if not isinstance(content, dict):
        return content
    result: dict[str, Any] = {}
    for name, value in content.items():
        new = spelt(name)
        if new in result:
            raise BadRequest(f"/{name}", f"“{name}” stands there twice: also as “{new}”.")
        result[new] = value if name in _OPAQUE or new in _OPAQUE else _renamed(value, spelt)
    return result
