"""Requests of our own: only to addresses that may be called, within bounds, and never led elsewhere."""

import datetime as dt
import socket
import ssl
import time
from collections.abc import Collection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_django import Settings

from apipark import outbound
from apipark.addresses import AddressRefused
from apipark.outbound import Bounds, NotConnected, NotTrusted, OutboundFailed, TimedOut, TooLarge, send
from tests.fakes.http import answer, saying, serving

QUICK = Bounds(connect_s=1, read_s=0.2, total_s=0.6, answer_bytes=1_000)


def loopback(_host: str, _port: int) -> Collection[str]:
    return ["127.0.0.1"]


def test_answer_comes_with_status_headers_and_body() -> None:
    with serving(saying(answer(b"hello", 418, x_kind="teapot"))) as server:
        got = send("POST", f"http://{server.pair}/v1?a=b", body=b"question", allowed=[server.pair])

    assert (got.status, got.body, got.headers["x-kind"]) == (418, b"hello", "teapot")
    assert server.requests[0].startswith(b"POST /v1?a=b HTTP/1.1\r\n")


def test_settings_name_what_is_allowed(settings: Settings) -> None:
    with serving(saying(answer(b"hello"))) as server:
        with pytest.raises(AddressRefused):
            send("GET", f"http://{server.pair}/")
        settings.GATEWAY_ALLOWED_ADDRESSES = [server.pair]

        assert send("GET", f"http://{server.pair}/").body == b"hello"

    assert len(server.requests) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1"])
def test_address_that_may_not_be_called_gets_no_connection(address: str) -> None:
    with serving(saying(answer(b"inner"))) as server, pytest.raises(AddressRefused):
        send("GET", f"http://innocent.example:{server.port}/", allowed=(), resolve=lambda _host, _port: [address])

    assert server.requests == []


def test_allowed_pair_opens_no_other_port() -> None:
    with serving(saying(answer(b"inner"))) as server, pytest.raises(AddressRefused):
        send("GET", f"http://{server.pair}/", allowed=[f"127.0.0.1:{server.port - 1}"])

    assert server.requests == []


def test_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked() -> None:
    """A name server that gives another answer the second time is never asked again."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Collection[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with serving(saying(answer(b"hello"))) as server:
        got = send("GET", f"http://rebind.example:{server.port}/", allowed=[server.pair], resolve=rebinding)

    assert got.body == b"hello"
    assert asked == ["rebind.example"]
    assert server.headers()["host"] == f"rebind.example:{server.port}"


def test_redirect_is_an_answer_and_is_not_followed() -> None:
    with serving(saying(answer(b"", 302, location="/elsewhere"))) as server:
        got = send("GET", f"http://{server.pair}/", allowed=[server.pair])

    assert (got.status, got.headers["location"]) == (302, "/elsewhere")
    assert len(server.requests) == 1


def test_environment_adds_neither_proxy_nor_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")

    with serving(saying(answer(b"hello"))) as server:
        assert send("GET", f"http://{server.pair}/", allowed=[server.pair]).body == b"hello"

    assert sorted(server.headers()) == ["accept", "accept-encoding", "host", "user-agent"]


# Bounds --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("length", ["2000", ""])
def test_answer_that_is_too_long_is_given_up(length: str) -> None:
    whole = answer(b"x" * 2_000, content_length=length) if length else b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000

    with serving(saying(whole)) as server, pytest.raises(TooLarge):
        send("GET", f"http://{server.pair}/", allowed=[server.pair], bounds=QUICK)


def test_silence_times_out() -> None:
    with serving(lambda _request, _connection: time.sleep(0.5)) as server, pytest.raises(TimedOut, match="in time"):
        send("GET", f"http://{server.pair}/", allowed=[server.pair], bounds=QUICK)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nx-slow: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "body"])
def test_answer_that_drips_ends_with_the_whole_time(start: bytes) -> None:
    def drip(_request: bytes, connection: socket.socket) -> None:
        connection.sendall(start)
        for _turn in range(40):
            time.sleep(0.05)
            connection.sendall(b"x")

    began = time.monotonic()
    with serving(drip) as server, pytest.raises(TimedOut, match=r"0\.6 s"):
        send("GET", f"http://{server.pair}/", allowed=[server.pair], bounds=QUICK)

    assert time.monotonic() - began < 1.9  # it drips for two seconds


def test_answer_that_is_cut_short_is_none() -> None:
    with (
        serving(saying(answer(b"half", content_length="8"))) as server,
        pytest.raises(OutboundFailed, match="cut short"),
    ):
        send("GET", f"http://{server.pair}/", allowed=[server.pair])


def test_compressed_answer_is_refused() -> None:
    with (
        serving(saying(answer(b"x", content_encoding="gzip"))) as server,
        pytest.raises(OutboundFailed, match="compressed"),
    ):
        send("GET", f"http://{server.pair}/", allowed=[server.pair])


def test_what_is_not_http_is_no_answer() -> None:
    with serving(saying(b"220 mail.example ESMTP\r\n")) as server, pytest.raises(OutboundFailed, match="not HTTP"):
        send("GET", f"http://{server.pair}/", allowed=[server.pair])


def test_refused_connection_says_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pair = f"127.0.0.1:{listener.getsockname()[1]}"

    with pytest.raises(NotConnected, match="the connection was refused"):
        send("GET", f"http://{pair}/", allowed=[pair])


# TLS -----------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of `right.example`, signed by itself; the key is in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "right.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("right.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "right.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_certificate_is_checked_against_the_name_though_the_address_is_called(
    tls: ssl.SSLContext, certificate: Path
) -> None:
    with serving(saying(answer(b"hello")), tls) as server:
        url, there = f"https://right.example:{server.port}/", [server.pair]
        got = send("GET", url, allowed=there, resolve=loopback, ca_file=str(certificate))

    assert got.body == b"hello"


def test_certificate_of_another_name_is_not_trusted(tls: ssl.SSLContext, certificate: Path) -> None:
    with serving(saying(answer(b"hello")), tls) as server, pytest.raises(NotTrusted, match="not valid for this host"):
        send(
            "GET",
            f"https://wrong.example:{server.port}/",
            allowed=[server.pair],
            resolve=loopback,
            ca_file=str(certificate),
        )

    assert server.requests == []


def test_certificate_of_an_unknown_issuer_is_not_trusted(tls: ssl.SSLContext) -> None:
    with serving(saying(answer(b"hello")), tls) as server, pytest.raises(NotTrusted):
        outbound.send("GET", f"https://right.example:{server.port}/", allowed=[server.pair], resolve=loopback)

    assert server.requests == []
