"""Bytes: what reaches the upstream is what the caller sent, what reaches the caller is what the upstream answered."""

import asyncio
import itertools
import json
from typing import Any

import pytest

from tests.fakes.upstream import Received
from tests.gateway.client import Answer, Client, ask, request
from tests.gateway.outcomes import COMPRESSED, LARGE
from tests.gateway.running import Gateway, Story

pytestmark = pytest.mark.server
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
BINARY = bytes(range(256)) * 64
BODY_LIMIT = 10 * 1024 * 1024


@pytest.fixture(scope="module")
def story(single: Gateway) -> Story:
    return single.story({"calls": 10**6, "bytes": 10**10})


async def _pass(gateway: Gateway, story: Story, method: str, what: str, **rest: Any) -> tuple[Answer, Received]:
    """The answer, and the request as the upstream got it."""
    answer = await ask(gateway.port, method, f"/apis/{story.name}/{what}", story.key, **rest)
    (received,) = [each for each in list(gateway.upstream.journal) if each.call == f"{answer.request_id}.1"]
    return answer, received


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_goes_on_as_it_is(single: Gateway, story: Story, method: str) -> None:
    body = BINARY if method in {"POST", "PUT", "PATCH", "PROPFIND"} else None

    answer, received = await _pass(single, story, method, "ordinary", body=body)

    assert (answer.status, answer.whole) == (200, True)
    assert answer.body == (b"" if method == "HEAD" else b"ok")
    assert (received.method, received.target, received.body) == (method, f"/{story.name}/ordinary", body or b"")


@pytest.mark.parametrize(
    "target",
    [
        "a?x=1&x=2&y=&z",
        "a?q=a+b%20c%2Bd%26e",
        "a?path=/x/../y//z&url=https://example.org:8080/?a=b",
        "a?json={%22a%22:[1,2]}&p=a|b^c`d",
        "a?%zz=%&%41=%c3%a4",
        "a?x=;b=1,2;c=@:!$()*~",
        "deep//er/%2F%41/a%20b;v=1/(x)@y",
        "caf%C3%A9/%E2%82%AC",
        "a/b/",
    ],
)
async def test_path_and_query_arrive_byte_by_byte(single: Gateway, story: Story, target: str) -> None:
    _, received = await _pass(single, story, "GET", target)

    assert received.target == f"/{story.name}/{target}"


async def test_headers_of_the_caller_go_on_without_what_is_of_the_connection_or_secret(
    single: Gateway, story: Story
) -> None:
    passed = [("Accept", "text/plain"), ("X-Own", "one"), ("X-Own", "two"), ("If-None-Match", '"a", "b"')]
    passed += [("Accept-Language", "de"), ("Range", "bytes=0-4"), ("User-Agent", "probe/1"), ("X-Umlaut", "\xc3\xa4")]
    hop = [("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=9"), ("TE", "trailers")]
    secret = [("x-api-key", story.key), ("Cookie", "portal=1"), ("Proxy-Authorization", "Basic eDp5")]
    forged = [("X-Request-Id", "mine"), ("X-Gateway-Call", "mine"), ("X-Forwarded-For", "10.0.0.1"), ("X_Own", "1")]

    answer, received = await _pass(single, story, "GET", "ordinary", headers=[*passed, *hop, *secret, *forged])

    sent = [(name.lower(), value) for name, value in received.headers]
    ours = [("host", single.upstream.address), ("x-gateway-call", f"{answer.request_id}.1")]
    assert sorted(sent) == sorted([(name.lower(), value) for name, value in passed] + ours)
    assert story.key not in str(received)


async def test_a_header_that_cannot_be_sent_as_it_came_is_not_sent_otherwise(single: Gateway, story: Story) -> None:
    answer = await ask(single.port, "GET", f"/apis/{story.name}/ordinary", story.key, [("X-Umlaut", "\xe4")])

    assert (answer.status, answer.slug) == (400, "request-invalid")


async def test_a_header_of_the_upstream_that_is_not_ascii_costs_no_other(single: Gateway, story: Story) -> None:
    answer, _ = await _pass(single, story, "GET", "umlauts")

    assert (answer.status, answer.body) == (200, b"umlauts")
    assert (answer.values("x-own"), answer.values("x-umlaut")) == (["first", "second"], [])


async def test_headers_of_the_upstream_go_on_without_what_is_of_the_connection_or_ours(
    single: Gateway, story: Story
) -> None:
    answer, _ = await _pass(single, story, "GET", "talkative")

    assert answer.body == b"talk"
    assert answer.values("x-own") == ["first", "second"]
    assert (answer.value("vary"), answer.value("etag")) == ("Accept", '"one"')
    assert answer.request_id.startswith("req_")
    names = {name for name, _ in answer.headers}
    assert not names & {"x-hop", "keep-alive", "trailer", "set-cookie", "x-gateway-call", "x-ai-model", "x-problem"}
    assert "access-control-allow-origin" not in names


async def test_bodies_arrive_byte_by_byte(single: Gateway, story: Story) -> None:
    _, empty = await _pass(single, story, "POST", "ordinary", body=b"")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BINARY, b"\0", BINARY)) + b"0\r\n\r\n"
    async with await Client.connect(single.port) as client:
        head = request("POST", f"/apis/{story.name}/ordinary", story.key, [("Transfer-Encoding", "chunked")])
        answer = await client.ask(head + chunks)
    (chunked,) = [each for each in single.upstream.journal if each.call == f"{answer.request_id}.1"]
    large, _ = await _pass(single, story, "GET", "large")

    assert (empty.body, empty.values("content-length")) == (b"", ["0"])
    assert chunked.body == BINARY + b"\0" + BINARY
    assert large.body == LARGE


async def test_a_body_of_the_limit_passes_and_one_byte_more_does_not(single: Gateway, story: Story) -> None:
    target = f"/apis/{story.name}/ordinary"
    fits, received = await _pass(single, story, "POST", "ordinary", body=bytes(BODY_LIMIT))
    async with await Client.connect(single.port) as client:
        # By its word alone: nothing of the body is sent.
        head = request("POST", target, story.key, [("Content-Length", str(BODY_LIMIT + 1))])
        declared = await client.ask(head)
    before = len(story.at_upstream())

    async with await Client.connect(single.port) as client:
        await client.send(request("POST", target, story.key, [("Transfer-Encoding", "chunked")]))
        piece = b"100000\r\n" + bytes(0x100000) + b"\r\n"
        for _ in range(11):
            await client.send(piece)
        counted = await client.head()
        await client.rest(counted)

    assert (fits.status, len(received.body)) == (200, BODY_LIMIT)
    assert (declared.status, declared.slug) == (413, "request-too-large")
    assert (counted.status, counted.slug) == (413, "request-too-large")
    assert len(story.at_upstream()) == before


async def test_answers_pass_as_they_are(single: Gateway, story: Story) -> None:
    compressed, request_ = await _pass(single, story, "GET", "compressed", headers=[("Accept-Encoding", "gzip")])
    nothing, _ = await _pass(single, story, "DELETE", "nothing")
    unchanged, _ = await _pass(single, story, "GET", "unchanged")
    hints, _ = await _pass(single, story, "GET", "hints")
    head, _ = await _pass(single, story, "HEAD", "large")

    assert (compressed.body, compressed.value("content-encoding")) == (COMPRESSED, "gzip")
    assert request_.values("accept-encoding") == ["gzip"]
    assert (nothing.status, nothing.value("x-own"), nothing.values("transfer-encoding")) == (204, "yes", [])
    assert (unchanged.status, unchanged.value("etag")) == (304, '"one"')
    assert (hints.status, hints.body) == (200, b"after hints")
    assert (head.value("content-length"), head.body) == (str(len(LARGE)), b"")


async def test_a_head_costs_no_data_that_never_flows(single: Gateway) -> None:
    story = single.story({"calls": 10, "bytes": 100})

    answer, _ = await _pass(single, story, "HEAD", "large")

    assert answer.status == 200
    assert story.violations([answer]) == []
    assert [(row["meter"], row["used"]) for row in story.books()["allowances"]] == [("calls", 1)]


async def test_events_arrive_one_by_one(single: Gateway, story: Story) -> None:
    answer, _ = await _pass(single, story, "GET", "ticks")

    assert [chunk for _, chunk in answer.chunks] == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
    times = [at for at, _ in answer.chunks]
    assert all(later - earlier > 0.1 for earlier, later in itertools.pairwise(times))


async def test_a_client_that_expects_to_be_asked_is_asked(single: Gateway, story: Story) -> None:
    async with await Client.connect(single.port) as client:
        head = request(
            "POST", f"/apis/{story.name}/ordinary", story.key, [("Expect", "100-continue"), ("Content-Length", "5")]
        )
        await client.send(head)
        interim = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 2)
        answer = await client.ask(b"12345")

    (received,) = [each for each in single.upstream.journal if each.call == f"{answer.request_id}.1"]
    assert interim.startswith(b"HTTP/1.1 100 ")
    assert (answer.status, received.body, received.values("expect")) == (200, b"12345", [])


async def test_an_ai_call_goes_on_byte_by_byte_with_our_key(single: Gateway, story: Story) -> None:
    body = b'{ "model" :"fake-chat","messages":[ {"role":"user","content":"chat \\u00e4"}],\n"max_tokens":5,"x":1.50}'

    answer = await ask(single.port, "POST", "/v1/chat/completions", story.key, [("OpenAI-Organization", "o")], body)

    (received,) = [each for each in single.upstream.journal if each.call == f"{answer.request_id}.1"]
    assert received.body == body.replace(b"fake-chat", b"upstream-chat")
    assert json.loads(answer.body)["object"] == "chat.completion"
    assert received.values("authorization") == ["Bearer provider-secret"]
    assert received.values("openai-organization") == []
    assert (answer.value("x-ai-provider"), answer.value("x-ai-model")) == ("Fake", "fake-chat")
