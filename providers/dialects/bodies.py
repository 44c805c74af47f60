"""A caller's JSON body: read strictly, and changed in place without writing the rest anew. Pure.

Provider caches depend on a byte-stable prefix, so a splice changes one value and leaves every other byte as it came.
"""

import re
from collections import Counter
from typing import Any, Final

import orjson

from providers.dialects.canonical import BadRequest

MOST_NESTED: Final = 64
# Each name of the body costs a search through it; above so many a single look at all of it is cheaper.
_FEW: Final = 32
# Strings in runs, never letter by letter: they are nearly all of a body.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],]', re.DOTALL)
# A member's value that is no list and no object.
_PLAIN: Final = re.compile(rb'\s*:\s*("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s"{}\[\],]++)', re.DOTALL)


def read_object(body: bytes) -> dict[str, Any]:
    """Raises BadRequest for what is no JSON object, nested too deep, or names a member twice.

    A doubled name is refused since we and the upstream might read different ones.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("", f"The body is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise BadRequest("", "The body must be a JSON object.")
    # Cheap and sufficient for nearly all bodies: each name stands there once, and none is spelled with escapes.
    if b"\\u" in body or len(content) > _FEW or not _each_once(content, body):
        times = Counter(name for name, _ in _members(body, 0))
        doubled = next((name for name, number in times.items() if number > 1), None)
        if doubled is not None:
            raise BadRequest(f"/{doubled}", f"“{doubled}” stands there twice.")
    if body.count(b"{") + body.count(b"[") > MOST_NESTED and _deeper(content, MOST_NESTED):
        raise BadRequest("", f"The body is nested more than {MOST_NESTED} levels deep.")
    return content


def replaced(body: bytes, changes: dict[tuple[str, ...], bytes], content: dict[str, Any] | None = None) -> bytes:
    """`changes` maps a path of member names to its new JSON value; what is missing on the way is added.

    `body` is a valid JSON object; members on the way that are no objects (null) are replaced by one. With its `content`
    most places are found without reading the whole body again; the paths then begin with different names.
    """
    for path, value in changes.items():
        body = _set(body, 0, path, value, content)
    return body


def removed(body: bytes, name: str) -> bytes:
    """Without that member of the outermost object, and every other byte as it was."""
    members = _members(body, 0)
    place = next((at for at, (member, _) in enumerate(members) if member == name), None)
    if place is None:
        return body
    ends = [body.index(b"{"), *(end for _, (_, end) in members)]
    if place + 1 < len(members):
        # With the comma behind it, else with the one before.
        start = ends[0] + 1 if place == 0 else body.index(b",", ends[place]) + 1
        return body[:start] + body[body.index(b",", ends[place + 1]) + 1 :]
    return body[: ends[place] + (place == 0)] + body[ends[place + 1] :]


def _set(body: bytes, at: int, path: tuple[str, ...], value: bytes, content: dict[str, Any] | None = None) -> bytes:
    """`at` is the offset of an object's opening brace, or of blanks before it; `content` is of the outermost one."""
    name, *rest = path
    found = None
    if content is None or name in content:
        found = (content and _only(body, name)) or next(
            (span for member, span in _members(body, at) if member == name), None
        )
    if found is None:
        opening = body.index(b"{", at) + 1
        comma = b"" if body[opening:].lstrip()[:1] == b"}" else b","
        added = orjson.dumps(name) + b":" + _nested(rest, value) + comma
        return body[:opening] + added + body[opening:]
    start, end = found
    if rest and body[start : start + 1] == b"{":
        return _set(body, start, tuple(rest), value)
    return body[:start] + _nested(rest, value) + body[end:]


def _only(body: bytes, name: str) -> tuple[int, int] | None:
    """Of a member of the outermost object that is there: its plain value, where nothing else is called so."""
    quoted = b'"%s"' % name.encode()
    # An escape may spell the name, and then the place that is found is another.
    if b"\\u00" in body or body.count(quoted) != 1:
        return None
    match = _PLAIN.match(body, body.index(quoted) + len(quoted))
    return match.span(1) if match else None


def _nested(path: list[str], value: bytes) -> bytes:
    for name in reversed(path):
        value = b"{" + orjson.dumps(name) + b":" + value + b"}"
    return value


def _each_once(content: dict[str, Any], body: bytes) -> bool:
    for name in content:  # noqa: SIM110 (a generator costs more than the search)
        if body.count(b'"%s"' % name.encode()) != 1:
            return False
    return True


def _members(body: bytes, at: int) -> list[tuple[str, tuple[int, int]]]:
    """Names of the members of the object at `at`, and where their values stand."""
    members = []
    depth = 0
    name: str | None = None
    start = 0
    for match in _TOKEN.finditer(body, at):
        token = match[0]
        if token in {b"{", b"["}:
            depth += 1
            continue
        if token in {b"}", b"]"}:
            depth -= 1
        if depth == 1 and name is None and token[:1] == b'"':
            name = orjson.loads(token)
            start = body.index(b":", match.end()) + 1
        elif name is not None and ((depth == 1 and token == b",") or (depth == 0 and token == b"}")):
            members.append((name, _trimmed(body, start, match.start())))
            name = None
        if depth == 0:
            break
    return members


def _trimmed(body: bytes, start: int, end: int) -> tuple[int, int]:
    value = body[start:end]
    return start + len(value) - len(value.lstrip()), end - (len(value) - len(value.rstrip()))


def _deeper(content: Any, most: int) -> bool:
    level = [content]
    for _ in range(most):
        if not level:
            return False
        level = [
            inner
            for holder in level
            if isinstance(holder, dict | list)
            for inner in (holder.values() if isinstance(holder, dict) else holder)
        ]
    return any(isinstance(each, dict | list) for each in level)
