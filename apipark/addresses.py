"""Which addresses the gateway and the portal may call: public ones, and the exact `address:port` pairs of settings.

A URL is checked twice, when it is saved and whenever a connection is made, because a name can point elsewhere by then.
Only what a name resolves to is trusted, never how a host is spelled: resolvers read `127.1`, `0x7f.1` and `①②⑦.0.0.1` as
loopback. The list is our own: `ipaddress.is_global` lets NAT64, 6to4, multicast and some metadata services through.
"""

import re
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

Address = IPv4Address | IPv6Address
# Host and port in, the texts of its addresses out; raises OSError when there are none.
Resolve = Callable[[str, int], Collection[str]]

MAX_URL_CHARACTERS: Final = 300  # the width of the columns that hold one
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class AddressRefused(ValueError):  # noqa: N818 (named after what happened)
    """The URL or address may not be called; the message says why, for the person who entered it."""


class NameNotFound(AddressRefused):
    """The host has no address, or the resolver does not answer: nothing is known against it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a checked URL connects to. `host` is as written, in lower case and without brackets."""

    scheme: str
    host: str
    port: int


_LOOPBACK: Final = gettext_lazy("this machine itself")
_PRIVATE: Final = gettext_lazy("a private network")
_LINK_LOCAL: Final = gettext_lazy("a link-local address, where clouds answer with their metadata")
_METADATA: Final = gettext_lazy("a metadata service of a cloud")
_SHARED: Final = gettext_lazy("a network shared behind a carrier's NAT")
_SPECIAL: Final = gettext_lazy("reserved for a special purpose")
_DOCUMENTATION: Final = gettext_lazy("reserved for documentation")
_MULTICAST: Final = gettext_lazy("a multicast address")
_TUNNEL: Final = gettext_lazy("an address of a tunnel or a translator")

# The IANA special-purpose registries (RFC 6890 and its updates) and what clouds put beside them. First match wins.
_DENIED_V4: Final = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", _LOOPBACK),
        ("10.0.0.0/8", _PRIVATE),
        ("100.100.100.200/32", _METADATA),  # Alibaba
        ("100.64.0.0/10", _SHARED),
        ("127.0.0.0/8", _LOOPBACK),
        ("168.63.129.16/32", _METADATA),  # Azure
        ("169.254.0.0/16", _LINK_LOCAL),
        ("172.16.0.0/12", _PRIVATE),
        ("192.0.0.192/32", _METADATA),  # Oracle
        ("192.0.0.0/24", _SPECIAL),
        ("192.0.2.0/24", _DOCUMENTATION),
        ("192.31.196.0/24", _SPECIAL),  # AS112
        ("192.52.193.0/24", _TUNNEL),  # AMT
        ("192.88.99.0/24", _TUNNEL),  # 6to4 relays
        ("192.168.0.0/16", _PRIVATE),
        ("192.175.48.0/24", _SPECIAL),  # AS112
        ("198.18.0.0/15", _SPECIAL),  # benchmarks
        ("198.51.100.0/24", _DOCUMENTATION),
        ("203.0.113.0/24", _DOCUMENTATION),
        ("224.0.0.0/4", _MULTICAST),
        ("240.0.0.0/4", _SPECIAL),
    )
)
_DENIED_V6: Final = tuple(
    (ip_network(network), what)
    for network, what in (
        ("::/128", _LOOPBACK),
        ("::1/128", _LOOPBACK),
        ("::/96", _TUNNEL),  # IPv4-compatible
        ("::ffff:0:0:0/96", _TUNNEL),  # IPv4-translated, RFC 2765
        ("64:ff9b:1::/48", _TUNNEL),  # NAT64 of one network, RFC 8215
        ("100::/64", _SPECIAL),
        ("2001::/32", _TUNNEL),  # Teredo
        ("2001::/23", _SPECIAL),
        ("2001:db8::/32", _DOCUMENTATION),
        ("2002::/16", _TUNNEL),  # 6to4
        ("2620:4f:8000::/48", _SPECIAL),  # AS112
        ("3fff::/20", _DOCUMENTATION),
        ("fc00::/7", _PRIVATE),
        ("fe80::/10", _LINK_LOCAL),
        ("fec0::/10", _PRIVATE),
        ("ff00::/8", _MULTICAST),
    )
)
_GLOBAL_V6: Final = ip_network("2000::/3")
_NAT64: Final = ip_network("64:ff9b::/96")
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)


def check_url(url: str, *, allowed: Collection[str], resolve: Resolve | None = None) -> Origin:
    """For forms: the URL is well formed, its host resolves, and each of its addresses may be called.

    Raises AddressRefused. `allowed` holds exact `address:port` pairs (`[::1]:80` for IPv6) that may be called although
    their network is refused.
    """
    origin = read_url(url)
    resolve_checked(origin.host, origin.port, allowed=allowed, resolve=resolve)
    return origin


def resolve_checked(host: str, port: int, *, allowed: Collection[str], resolve: Resolve | None = None) -> str:
    """For the moment of connecting: an address of `host` that may be called. Connect to it, never to the name.

    One address that may not be called refuses the name: an attacker's name server mixes them on purpose.
    """
    try:
        texts = list((resolve or system_resolve)(host, port))
    except (OSError, UnicodeError) as error:
        raise NameNotFound(_("The host “%(host)s” was not found.") % {"host": host}) from error
    if not texts:
        raise NameNotFound(_("The host “%(host)s” has no address.") % {"host": host})
    addresses = [_checked(text, host=host, port=port, allowed=allowed) for text in texts]
    return str(addresses[0])


def system_resolve(host: str, port: int) -> list[str]:
    """By the system, in the order in which it would connect."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_rest, sockaddr in found]


def why_refused(address: Address) -> str:
    """What is wrong with the address, ready to stand after “is”; empty when it is public."""
    reason = _reason(address)
    return str(reason) if reason else ""


def _checked(text: str, *, host: str, port: int, allowed: Collection[str]) -> Address:
    try:
        address = ip_address(text)
    except ValueError as error:
        raise AddressRefused(_("The host “%(host)s” has no usable address.") % {"host": host}) from error
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if _pair(address, port) in allowed:
        return address
    reason = why_refused(address)
    if reason:
        raise AddressRefused(
            _("“%(host)s” cannot be called: %(address)s is %(reason)s.")
            % {"host": host, "address": address, "reason": reason}
        )
    return address


def _pair(address: Address, port: int) -> str:
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


def _reason(address: Address) -> str | Promise | None:
    if isinstance(address, IPv4Address):
        return next((what for network, what in _DENIED_V4 if address in network), None)
    if address.scope_id:
        return _LINK_LOCAL
    inside = _embedded(address)
    # What is wrapped is named first: "this machine itself" helps more than "a tunnel".
    for inner in inside:
        if reason := _reason(inner):
            return reason
    if address.ipv4_mapped or address in _NAT64:
        return None  # both are other spellings of a public IPv4 address; NAT64 is how IPv6-only hosts reach it
    if reason := next((what for network, what in _DENIED_V6 if address in network), None):
        return reason
    return None if address in _GLOBAL_V6 else _SPECIAL


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """IPv4 addresses that a tunnel or translator would take out of this one."""
    number = int(address)
    low = IPv4Address(number & 0xFFFF_FFFF)
    if address.ipv4_mapped or address in _NAT64 or number >> 32 == 0xFFFF_0000:
        return [low]
    if number >> 32 == 0:
        return [low] if number > 1 else []
    if address.sixtofour:
        return [address.sixtofour]
    if address.teredo:
        return list(address.teredo)
    if (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        return [low]
    return []


# The URL itself: only what every parser reads in the same way ---------------------------------------------------------
_URL: Final = re.compile(r"(?i:(https?))://([^/?#]*)(/[^?#]*)?(\?[^#]*)?")
# Characters that no HTTP client rewrites, and whole percent escapes.
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
_QUERY: Final = re.compile(r"\?(?:[A-Za-z0-9._~!$&()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# The last label of a name that a resolver may take for a number: digits, or hexadecimal.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOT_SEGMENT: Final = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


def read_url(url: str) -> Origin:
    """The URL's origin, without a look at its addresses. Raises AddressRefused for what parsers read differently."""
    if len(url) > MAX_URL_CHARACTERS:
        raise AddressRefused(_("The URL is longer than %(limit)d characters.") % {"limit": MAX_URL_CHARACTERS})
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefused(
            _("The URL holds a space, a backslash or a character outside ASCII (write names in their xn-- form).")
        )
    found = _URL.fullmatch(url)
    if found is None:
        raise AddressRefused(_("The URL must begin with http:// or https:// and may not have a fragment (#…)."))
    scheme, authority, path, query = found[1].lower(), found[2].lower(), found[3] or "", found[4] or "?"
    _check_path(path, query)
    host, port = _split(authority)
    return Origin(scheme, host, port or _DEFAULT_PORTS[scheme])


def _check_path(path: str, query: str) -> None:
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise AddressRefused(_("The URL's path or query holds a character that must be percent-encoded."))
    if any(_DOT_SEGMENT.fullmatch(segment) for segment in path.split("/")):
        raise AddressRefused(_("The URL's path may not hold “.” or “..”."))


def _split(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise AddressRefused(_("The URL may not hold a user name or password."))
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        _check_ipv6(host, bracket)
    else:
        host, colon, port = authority.partition(":")
        rest = colon + port
        _check_host(host)
    return host, _port(rest)


def _port(rest: str) -> int | None:
    if not rest:
        return None
    if not rest.startswith(":") or not _PORT.fullmatch(rest[1:]) or int(rest[1:]) > 65_535:
        raise AddressRefused(_("The URL's port must be a number from 1 to 65535."))
    return int(rest[1:])


def _check_ipv6(host: str, bracket: str) -> None:
    try:
        address = IPv6Address(host)
    except ValueError as error:
        raise AddressRefused(_("The URL's host is not an IPv6 address.")) from error
    if not bracket or address.scope_id is not None:
        raise AddressRefused(_("The URL's host is not an IPv6 address."))


def _check_host(host: str) -> None:
    if not host:
        raise AddressRefused(_("The URL has no host."))
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # `127.1`, `0177.0.0.1`, `2130706433`: read as an address by some and as a name by others.
        try:
            IPv4Address(host)
        except ValueError as error:
            raise AddressRefused(_("Write the address as four decimal numbers, such as 192.0.2.1.")) from error
        return
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(_("The URL's host is not a valid name."))
