"""The demo provider over real HTTP, as its own process."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.demo.settings import DEMO_KEY, EMBEDDING_SIZE, MODELS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "providers.demo", "--port", str(number)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", number), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield number
    finally:
        server.terminate()
        server.wait(10)


def ask(
    port: int, path: str, content: Any = None, *, key: str = DEMO_KEY, timeout_s: float = 10, **headers: str
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        body = json.dumps(content) if content is not None else None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST" if body else "GET", path, body, {"Authorization": f"Bearer {key}"} | named)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def chat(text: str, **options: Any) -> dict[str, Any]:
    return {"model": "demo-chat", "messages": [{"role": "user", "content": text}], **options}


def events(body: bytes) -> list[Any]:
    texts = [event.removeprefix("data: ") for event in body.decode().split("\n\n") if event]
    assert texts.pop() == "[DONE]"
    return [json.loads(text) for text in texts]


def test_models_are_listed_to_whoever_has_the_key(port: int) -> None:
    status, body = ask(port, "/v1/models")

    assert (status, [model["id"] for model in json.loads(body)["data"]]) == (200, list(MODELS))
    assert ask(port, "/v1/models", key="another")[0] == 401


def test_plain_answer_reports_its_words_as_tokens(port: int) -> None:
    status, body = ask(port, "/v1/chat/completions", chat("three small words"))

    answer = json.loads(body)
    words = answer["choices"][0]["message"]["content"].split()
    assert (status, answer["choices"][0]["finish_reason"]) == (200, "stop")
    assert answer["usage"]["completion_tokens"] == len(words) > 0
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + len(words)


def test_stream_says_the_same_as_the_plain_answer(port: int) -> None:
    plain = json.loads(ask(port, "/v1/chat/completions", chat("hello"))[1])
    options = {"stream": True, "stream_options": {"include_usage": True}}

    *chunks, last = events(ask(port, "/v1/chat/completions", chat("hello", **options))[1])

    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == plain["choices"][0]["message"]["content"]
    assert (last["choices"], last["usage"]) == ([], plain["usage"])
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_stream_reports_usage_only_when_asked(port: int) -> None:
    chunks = events(ask(port, "/v1/chat/completions", chat("hello", stream=True))[1])

    assert all("usage" not in chunk for chunk in chunks)


def test_limit_ends_the_answer(port: int) -> None:
    answer = json.loads(ask(port, "/v1/chat/completions", chat("[long 500]", max_tokens=7))[1])

    assert (answer["usage"]["completion_tokens"], answer["choices"][0]["finish_reason"]) == (7, "length")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500, 503])
def test_failure_on_demand_comes_in_the_vendors_envelope(port: int, status: int) -> None:
    got, body = ask(port, "/v1/chat/completions", chat(f"please [fail {status}]", stream=True))

    assert got == status
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


def test_delay_on_demand(port: int) -> None:
    began = time.monotonic()
    status, _body = ask(port, "/v1/chat/completions", chat("[delay 300ms]"))

    assert status == 200
    assert time.monotonic() - began >= 0.3


def test_pause_between_chunks_on_demand(port: int) -> None:
    began = time.monotonic()
    ask(port, "/v1/chat/completions", chat("[long 4] [slow 100ms]", stream=True))

    assert time.monotonic() - began >= 0.4


def test_hanging_on_demand(port: int) -> None:
    with pytest.raises(TimeoutError):
        ask(port, "/v1/chat/completions", chat("[hang]"), timeout_s=0.3)


@pytest.mark.parametrize("stream", [True, False])
def test_cut_on_demand_ends_without_a_clean_end(port: int, stream: bool) -> None:  # noqa: FBT001
    with pytest.raises(http.client.IncompleteRead):
        ask(port, "/v1/chat/completions", chat("[cut]", stream=stream))


def test_usage_left_out_on_demand(port: int) -> None:
    assert "usage" not in json.loads(ask(port, "/v1/chat/completions", chat("[no usage]"))[1])


def test_embeddings_depend_on_the_text_alone(port: int) -> None:
    asked = {"model": "demo-embedding", "input": ["one", "two words", "one"]}

    answer = json.loads(ask(port, "/v1/embeddings", asked)[1])

    first, second, third = (item["embedding"] for item in answer["data"])
    assert first == third != second
    assert len(first) == EMBEDDING_SIZE
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


def test_unknown_model_and_path_are_refused(port: int) -> None:
    assert ask(port, "/v1/chat/completions", chat("x", model="nobody"))[0] == 404
    assert ask(port, "/v1/nothing", chat("x"))[0] == 404


@pytest.mark.parametrize("content", [[], "text", 3, {"model": "demo-chat", "messages": "x"}, {"model": ["demo-chat"]}])
def test_nonsense_is_refused_and_does_not_break_the_server(port: int, content: Any) -> None:
    status, _body = ask(port, "/v1/chat/completions", content)

    assert status == 400


def test_rest_answers_and_echoes(port: int) -> None:
    echoed = json.loads(ask(port, "/rest/echo?a=b", {"x": 1}, x_mine="yes")[1])

    assert (echoed["method"], echoed["query"], echoed["body"], echoed["headers"]["x-mine"]) == (
        "POST", "a=b", '{"x": 1}', "yes",
    )  # fmt: skip
    assert json.loads(ask(port, "/rest/current?city=Oslo")[1])["city"] == "Oslo"
    assert ask(port, "/rest/status/503")[0] == 503
    assert len(ask(port, "/rest/bytes/100000?chunked")[1]) == 100_000


def test_journal_knows_which_calls_arrived(port: int) -> None:
    ask(port, "/rest/current", x_gateway_call="req_a.1")

    assert json.loads(ask(port, "/journal")[1])[-1] == "req_a.1"
