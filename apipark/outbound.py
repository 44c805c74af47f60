"""Requests outside the gateway's hot path: probes, catalogues, webhooks. The only user of `requests`.

The address is checked when connecting and the connection goes to what was checked, so a name that changes its mind in
between gains nothing. No redirects, no proxies, cookies or netrc of the environment, no decompression; bounds on time
and size.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Final, Self, cast

import requests
from django.conf import settings
from django.utils.translation import gettext as _
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError, IncompleteRead, ReadTimeoutError
from urllib3.util.ssl_match_hostname import CertificateError

from apipark import addresses

_READ_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one request may cost us: it runs in a worker that others wait for."""

    connect_s: float = 5
    # Between two reads; `total_s` ends an answer that drips, its head included.
    read_s: float = 10
    total_s: float = 30
    # The longest model list of a known aggregator is about 1 MB.
    answer_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class OutboundFailed(Exception):  # noqa: N818 (named after what happened)
    """No answer that can be used. Whether the other side acted is unknown unless the subclass says so."""


class NotConnected(OutboundFailed):
    """Nothing was sent: no connection came about."""


class NotTrusted(NotConnected):
    """Nothing was sent: the other side's certificate does not prove who it is."""


class TimedOut(OutboundFailed):
    """The answer, or its next part, did not come in time."""


class TooLarge(OutboundFailed):
    """The answer is longer than allowed."""


DEFAULT_BOUNDS: Final = Bounds()


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    bounds: Bounds = DEFAULT_BOUNDS,
    allowed: Collection[str] | None = None,
    resolve: addresses.Resolve | None = None,
    ca_file: str | None = None,
) -> Answer:
    """One request, one answer, redirects included. Raises AddressRefused before anything is sent, or OutboundFailed.

    `allowed` is GATEWAY_ALLOWED_ADDRESSES unless given.
    """
    origin = addresses.read_url(url)
    pairs = settings.GATEWAY_ALLOWED_ADDRESSES if allowed is None else allowed
    address = addresses.resolve_checked(origin.host, origin.port, allowed=pairs, resolve=resolve)
    with requests.Session() as session, _Alarm(bounds.total_s) as alarm:
        session.trust_env = False
        session.headers.clear()
        session.mount(f"{origin.scheme}://", _Pinned(origin, address, alarm))
        try:
            with session.request(
                method,
                url,
                headers={"User-Agent": "APIPark", "Accept": "*/*", "Accept-Encoding": "identity", **(headers or {})},
                data=body,
                timeout=(bounds.connect_s, bounds.read_s),
                allow_redirects=False,
                stream=True,
                verify=ca_file or True,
            ) as response:
                return Answer(response.status_code, response.headers, _read(response, bounds, alarm))
        except (requests.RequestException, HTTPError, OSError) as error:
            raise (alarm.error() if alarm.rang else _translated(error)) from error


class _Alarm:
    """Ends the one connection of a request when its time is over. The library's own timeouts begin anew with each byte,
    so that a head that drips would hold the process for hours.
    """

    def __init__(self, seconds: float) -> None:
        self.rang = False
        self._seconds = seconds
        self._connections: list[HTTPConnection] = []
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def watch(self, connection: HTTPConnection) -> None:
        self._connections.append(connection)

    def error(self) -> "TimedOut":
        return TimedOut(_("the answer did not end within %(seconds)s s") % {"seconds": f"{self._seconds:g}"})

    def _ring(self) -> None:
        self.rang = True
        for connection in self._connections:
            if connection.sock is not None:
                # Past TLS, which would wait for the other side to say goodbye.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


class _Pinned(HTTPAdapter):
    """Connects to one checked address; the name stays in `Host`, in SNI and in the certificate's check."""

    def __init__(self, origin: addresses.Origin, address: str, alarm: _Alarm) -> None:
        self._origin = origin
        self._alarm = alarm
        self._address = address
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 (the library's own signature)
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 (none, ever)
        cert: Any = None,
    ) -> HTTPConnectionPool:
        place, tls = self.build_connection_pool_key_attributes(request, verify or True, cert)
        named: dict[str, Any] = dict(tls)
        if place["scheme"] == "https":
            name = self._origin.host
            named |= {"assert_hostname": name} | ({} if _is_literal(name) else {"server_hostname": name})
        place["host"] = self._address
        request.headers["Host"] = _host_header(self._origin)
        pool: Any = self.poolmanager.connection_from_host(**place, pool_kwargs=named)
        connect = pool.ConnectionCls

        def watched(**options: Any) -> Any:
            connection = connect(**options)
            self._alarm.watch(connection)
            return connection

        pool.ConnectionCls = watched
        return cast("HTTPConnectionPool", pool)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _host_header(origin: addresses.Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    usual = {"http": 80, "https": 443}[origin.scheme]
    return host if origin.port == usual else f"{host}:{origin.port}"


def _read(response: requests.Response, bounds: Bounds, alarm: _Alarm) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise OutboundFailed(_("the answer is compressed although that was not asked for"))
    parts: list[bytes] = []
    left = bounds.answer_bytes
    # read1 returns what one read of the socket brings, so the alarm is looked at between any two of them.
    while part := response.raw.read1(_READ_BYTES, decode_content=False):
        left -= len(part)
        if left < 0:
            raise TooLarge(_("the answer is longer than %(bytes)s bytes") % {"bytes": bounds.answer_bytes})
        if alarm.rang:
            raise alarm.error()
        parts.append(part)
    if alarm.rang:  # what looks like the end may be the connection that was cut
        raise alarm.error()
    return b"".join(parts)


def _translated(error: Exception) -> OutboundFailed:
    """`requests` and urllib3 wrap each other's errors in several layers; the cause is what counts."""
    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLCertVerificationError | CertificateError) for cause in causes):
        return NotTrusted(_("the certificate is not valid for this host"))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return NotTrusted(_("no secure connection could be agreed on"))
    if isinstance(error, requests.ConnectTimeout):
        return NotConnected(_("no connection in time"))
    if any(isinstance(cause, requests.ReadTimeout | ReadTimeoutError | TimeoutError) for cause in causes):
        return TimedOut(_("no answer in time"))
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return NotConnected(_("the connection was refused"))
    if any(isinstance(cause, IncompleteRead) for cause in causes):
        return OutboundFailed(_("the answer was cut short"))
    return OutboundFailed(_("the connection broke, or the answer was not HTTP"))


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it wraps, in `args`, `reason` or as its cause."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        this = waiting.pop()
        if isinstance(this, BaseException) and this not in found:
            found.append(this)
            waiting += [*this.args, getattr(this, "reason", None), this.__cause__, this.__context__]
    return found
