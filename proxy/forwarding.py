"""Which headers go on, in both directions. Pure.

What speaks of one connection stays (RFC 9110, section 7.6.1), what is ours is set last, what could act on the portal's
origin (cookies) goes in neither direction. Names with `_` are one to many servers with `-`, so they are dropped.
"""

from collections.abc import Iterable
from typing import Final

Pairs = list[tuple[str, str]]
RawPairs = list[tuple[bytes, bytes]]

_HOP_BY_HOP: Final = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade".split()
)
_NEVER_UP: Final = _HOP_BY_HOP | frozenset(
    b"host content-length authorization x-api-key x-goog-api-key cookie forwarded via expect x-request-id x-problem x-real-ip".split()
)
_NEVER_UP_PREFIXES: Final = (b"x-forwarded-", b"x-gateway-", b"x-ai-")
_NEVER_DOWN: Final = _HOP_BY_HOP | frozenset(
    b"x-problem x-request-id set-cookie content-security-policy strict-transport-security alt-svc server date x-frame-options x-should-retry x-billing-notice".split()
)
_NEVER_DOWN_PREFIXES: Final = (b"x-gateway-", b"x-ai-", b"access-control-")
# Of an AI call only these: providers see nothing of the caller.
_AI_UP: Final = frozenset([b"content-type", b"accept", b"openai-beta"])


def rest_request(headers: RawPairs) -> Pairs:
    """For a published REST service: everything but connection, credentials, cookies and names that are ours.

    Raises UnicodeDecodeError for a value that is not UTF-8: the client library could not send it as it came.
    """
    listed = _named_by_connection(headers)
    return [
        (name.decode("ascii"), value.decode())
        for name, value in headers
        if name not in _NEVER_UP and name not in listed and b"_" not in name and not name.startswith(_NEVER_UP_PREFIXES)
    ]


def ai_request(headers: RawPairs) -> Pairs:
    return [(name.decode("ascii"), value.decode("latin-1")) for name, value in headers if name in _AI_UP]


def answer(headers: Iterable[tuple[str, str]]) -> RawPairs:
    """Of an upstream's answer, for the caller."""
    pairs, listed = [], frozenset[bytes]()
    for text, value in headers:
        name = _DOWN.get(text)
        if name is None:
            name = _down(text)
        if name:
            pairs.append((name, value.encode("latin-1")))
        elif text.lower() == "connection":
            listed |= _named_by_connection([(b"connection", value.encode("latin-1"))])
    return [pair for pair in pairs if pair[0] not in listed] if listed else pairs


# What becomes of an answer's header of this name: as it goes on, empty when it does not. Providers send few names.
_DOWN: Final[dict[str, bytes]] = {}
_MOST_NAMES: Final = 1_000


def _down(text: str) -> bytes:
    name = text.lower().encode("ascii")
    if name in _NEVER_DOWN or name.startswith(_NEVER_DOWN_PREFIXES):
        name = b""
    if len(_DOWN) < _MOST_NAMES:
        _DOWN[text] = name
    return name


def _named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """Headers that `Connection` declares to be of this connection only."""
    for name, value in headers:
        if name == b"connection" and value not in {b"close", b"keep-alive"}:
            return frozenset(item.strip().lower() for item in value.split(b","))
    return frozenset()
