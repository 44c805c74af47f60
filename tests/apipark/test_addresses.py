"""Every spelling of an inner address is refused when a URL is saved and when a connection is made."""

import contextlib
import socket
from collections.abc import Collection
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apipark.addresses import (
    AddressRefused,
    NameNotFound,
    Origin,
    check_url,
    read_url,
    resolve_checked,
    system_resolve,
    why_refused,
)

DENIED = [
    # IPv4, first and last of each network
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.66.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.0",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    # IPv6 itself
    "::",
    "::1",
    "100::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:1ff:ffff::1",
    "2620:4f:8000::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "8000::1",
    "1::1",
    # IPv4 inside IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::ffff:192.168.1.1",
    "::ffff:100.64.0.1",
    "::127.0.0.1",
    "::10.0.0.1",
    "::8.8.8.8",
    "::ffff:0:127.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::192.168.0.1",
    "64:ff9b:1::8.8.8.8",
    "64:ff9b:1::127.0.0.1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001:0:7f00:1::",
    "2001:0:808:808:0:0:f7f7:f7f7",
    "2a00:1450:4001:800:0:5efe:127.0.0.1",
    "2a00:1450:4001:800:200:5efe:10.0.0.1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:800::200e",
    "2a00:1450:4001:800:0:5efe:8.8.8.8",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]
# Ways to write an inner address that the system's resolver understands without asking anybody.
SPELLINGS = [
    "127.1",
    "127.0.1",
    "0",
    "0.0",
    "1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0x7F.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.0.0.01",
    "127.0.0.01",
    "127.0.0.0x1",
    "0xa9fea9fe",
    "2852039166",
    "169.254.43518",
    "169.16689662",
    "10.1",
    "0xa.0x1",
    "0300.0250.1",
    "localhost.",
    "127\u30020\u30020\u30021",
    "127\uff0e0\uff0e0\uff0e1",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "\uff11\uff12\uff17.0.0.1",
    "\u24dbocalhost",
    "loc\u00adalhost",
]
# Hosts that parsers read differently, or that are none.
HOSTILE_HOSTS = [
    *SPELLINGS,
    "127.0.0.256",
    "127.0.0.1.",
    "127.0.0.1.1",
    "0x",
    "a.0x7f",
    "a.1",
    "127%2e0.0.1",
    "%31%32%37.0.0.1",
    "localhost%00.example.com",
    "[::1",
    "::1",
    "[127.0.0.1]",
    "[::ffff:127.0.0.1%25lo]",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[::1].example.com",
    "[::1]]",
    "[[::1]]",
    "[v1.::1]",
    "[]",
    "",
    "-a.example.com",
    "a-.example.com",
    "a..example.com",
    ".example.com",
    "example.com.",
    "exa mple.com",
    "exa\tmple.com",
    "exa\nmple.com",
    "exa\rmple.com",
    "exa\x00mple.com",
    "example.com\\@127.0.0.1",
    "example.com,127.0.0.1",
    "example.com;127.0.0.1",
    "example.com<",
    "ex^ample.com",
    "ex|ample.com",
    f"{'a' * 64}.com",
    f"{'a.' * 127}com",
]
HOSTILE_URLS = [
    *(f"http://{host}/v1" for host in HOSTILE_HOSTS),
    "",
    "http",
    "http:",
    "http:/example.com",
    "http:example.com",
    "http:///example.com",
    "//example.com",
    "/v1",
    "example.com/v1",
    "ftp://example.com",
    "file:///etc/passwd",
    "gopher://example.com:70/",
    "unix:///var/run/docker.sock",
    "javascript:alert(1)",
    "data:,x",
    "ws://example.com",
    "httpx://example.com",
    " http://example.com",
    "http://example.com ",
    "http://example.com\n",
    "http://user@example.com",
    "http://user:password@example.com",
    "http://:@example.com",
    "http://@example.com",
    "http://example.com@127.0.0.1",
    "http://example.com:80@127.0.0.1",
    "http://127.0.0.1#@example.com",
    "http://example.com#fragment",
    "http://example.com/#",
    "http://example.com:",
    "http://example.com:0",
    "http://example.com:00080",
    "http://example.com:65536",
    "http://example.com:99999999999",
    "http://example.com:-1",
    "http://example.com:+80",
    "http://example.com:8_0",
    "http://example.com:80:80",
    "http://example.com:http",
    "http://example.com:\uff18\uff10",
    "http://[2606:4700::1111]80",
    "http://[2606:4700::1111]:",
    "http://example.com/../v1",
    "http://example.com/v1/..",
    "http://example.com/./v1",
    "http://example.com/%2e%2E/v1",
    "http://example.com/.%2e/v1",
    "http://example.com/%zz",
    "http://example.com/%2",
    "http://example.com/v1\\x",
    "http://example.com/a b",
    'http://example.com/"',
    "http://example.com/'",
    "http://example.com/<v1>",
    "http://example.com/{v1}",
    "http://example.com/v1`",
    "http://example.com/é",
    "http://example.com?<",
    f"http://example.com/{'a' * 300}",
]
GOOD_URLS = {
    "https://api.openai.com/v1": Origin("https", "api.openai.com", 443),
    "HTTPS://API.OpenAI.com/v1": Origin("https", "api.openai.com", 443),
    "http://example.com": Origin("http", "example.com", 80),
    "http://example.com:8080/a/b.c/~d;v=1?x=1&y=%20": Origin("http", "example.com", 8080),
    "https://example.com/..a/...": Origin("https", "example.com", 443),
    "https://my_host-1.xn--mnchen-3ya.example": Origin("https", "my_host-1.xn--mnchen-3ya.example", 443),
    "https://8.8.8.8/v1": Origin("https", "8.8.8.8", 443),
    "https://[2606:4700:4700::1111]:8443/v1": Origin("https", "2606:4700:4700::1111", 8443),
    "http://ollama:11434/v1": Origin("http", "ollama", 11434),
    "http://1.example.1a": Origin("http", "1.example.1a", 80),
}


class Names:
    """A name server with a list of answers for each question, the last one for ever."""

    def __init__(self, *answers: Collection[str]) -> None:
        self.answers = list(answers)

    def __call__(self, _host: str, _port: int) -> Collection[str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def nothing_found(host: str, port: int) -> Collection[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("address", DENIED)
def test_denied_address_refused_at_save_and_connect(address: str) -> None:
    assert why_refused(ip_address(address))
    with pytest.raises(AddressRefused):
        check_url("https://innocent.example", allowed=(), resolve=Names([address]))
    with pytest.raises(AddressRefused):
        resolve_checked("innocent.example", 443, allowed=(), resolve=Names([address]))


@pytest.mark.parametrize("address", DENIED)
def test_denied_address_behind_a_public_one_refused(address: str) -> None:
    for answer in (["8.8.8.8", address], [address, "8.8.8.8"]):
        with pytest.raises(AddressRefused):
            resolve_checked("mixed.example", 443, allowed=(), resolve=Names(answer))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_passes(address: str) -> None:
    assert why_refused(ip_address(address)) == ""
    assert resolve_checked("public.example", 443, allowed=(), resolve=Names([address]))


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_hostile_url_refused_before_any_look_up(url: str) -> None:
    def never(host: str, port: int) -> Collection[str]:
        raise AssertionError("looked up")

    with pytest.raises(AddressRefused):
        check_url(url, allowed=(), resolve=never)


@pytest.mark.parametrize("host", SPELLINGS)
def test_inner_address_in_any_spelling_refused_at_connect(host: str) -> None:
    """A row written past the form meets the check of what its name resolves to."""
    with pytest.raises(AddressRefused):
        resolve_checked(host, 80, allowed=())


@pytest.mark.parametrize(("url", "origin"), GOOD_URLS.items())
def test_good_url_read(url: str, origin: Origin) -> None:
    assert check_url(url, allowed=(), resolve=Names(["8.8.8.8"])) == origin


def test_literal_addresses_go_through_the_same_check() -> None:
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1 is this machine itself"):
        check_url("http://127.0.0.1:8000/v1", allowed=())
    with pytest.raises(AddressRefused, match="this machine itself"):
        check_url("http://[::ffff:7f00:1]/", allowed=())
    assert resolve_checked("8.8.8.8", 443, allowed=()) == "8.8.8.8"


def test_allowed_pair_lets_exactly_that_address_and_port_through() -> None:
    allowed = ["127.0.0.1:9000"]

    assert check_url("http://127.0.0.1:9000/v1", allowed=allowed) == Origin("http", "127.0.0.1", 9000)
    assert resolve_checked("::ffff:127.0.0.1", 9000, allowed=allowed) == "127.0.0.1"
    assert resolve_checked("inner", 9000, allowed=["[fd00::5]:9000"], resolve=Names(["fd00::5"])) == "fd00::5"
    for url in ("http://127.0.0.1:9001", "http://127.0.0.1", "http://127.0.0.2:9000", "http://[::1]:9000"):
        with pytest.raises(AddressRefused):
            check_url(url, allowed=allowed)


def test_tunnel_to_an_allowed_address_stays_refused() -> None:
    with pytest.raises(AddressRefused):
        resolve_checked("x", 9000, allowed=["127.0.0.1:9000"], resolve=Names(["64:ff9b::127.0.0.1"]))


def test_rebinding_between_save_and_connect_refused() -> None:
    names = Names(["8.8.8.8"], ["127.0.0.1"])

    check_url("https://rebind.example", allowed=(), resolve=names)

    with pytest.raises(AddressRefused):
        resolve_checked("rebind.example", 443, allowed=(), resolve=names)


def test_first_address_returned_in_the_resolvers_order() -> None:
    assert resolve_checked("a.example", 443, allowed=(), resolve=Names(["2606:4700::1", "1.1.1.1"])) == "2606:4700::1"


def test_name_without_address_named() -> None:
    with pytest.raises(NameNotFound, match="gone"):
        check_url("https://gone.example", allowed=(), resolve=nothing_found)
    with pytest.raises(NameNotFound):
        resolve_checked("empty.example", 80, allowed=(), resolve=Names([]))
    with pytest.raises(NameNotFound):  # IDNA refuses a label of 64 characters with a UnicodeError
        resolve_checked("ä" * 64, 80, allowed=(), resolve=system_resolve)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com", "http:// or https://"),
        ("http://me:pw@example.com", "user name or password"),
        ("http://example.com:0", "port"),
        ("http://127.1", "four decimal numbers"),
        ("http://exa_m!ple.com", "not a valid name"),
        ("http://[nope]", "not an IPv6 address"),
        ("http://bücher.example", "xn--"),
        ("http://", "no host"),
    ],
)
def test_message_names_the_problem(url: str, words: str) -> None:
    with pytest.raises(AddressRefused, match=words):
        read_url(url)


@given(st.integers(0, 2**128 - 1))
def test_any_ipv6_address_outside_global_unicast_refused(number: int) -> None:
    address = ip_address(number.to_bytes(16, "big"))
    inside_global_or_embedded = number >> 125 == 1 or number >> 32 in {0xFFFF, 0x64FF9B << 64}

    assert inside_global_or_embedded or why_refused(address)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(AddressRefused):
        assert read_url(f"http://{text}").host
