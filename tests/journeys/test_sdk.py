"""The official client of OpenAI against the gateway: what passes, and how a refusal reaches the program."""

import time

import openai
import pytest
from openai import OpenAI

from tests.journeys.installation import Console, Installation, soon


def client_of(installation: Installation, key: str) -> OpenAI:
    return OpenAI(base_url=f"{installation.url}/v1", api_key=key, timeout=20)


@pytest.fixture
def client(installation: Installation) -> OpenAI:
    return client_of(installation, installation.demo["api_key"])


def test_a_plain_answer(client: OpenAI, installation: Installation) -> None:
    answer = client.chat.completions.with_raw_response.create(
        model=installation.demo["model"], messages=[{"role": "user", "content": "Hello"}], max_tokens=20
    )
    parsed = answer.parse()
    assert parsed.choices[0].message.content
    assert parsed.usage is not None
    assert parsed.usage.total_tokens > 0
    assert answer.headers["x-ai-model"] == installation.demo["model"]
    assert answer.headers["x-request-id"].startswith("req_")


def test_a_stream_with_usage(client: OpenAI, installation: Installation) -> None:
    chunks = list(
        client.chat.completions.create(
            model=installation.demo["model"],
            messages=[{"role": "user", "content": "Hello"}],
            max_tokens=20,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


def test_models_and_one_that_the_plan_lacks(client: OpenAI) -> None:
    assert "demo-chat" in {model.id for model in client.models.list()}
    with pytest.raises(openai.APIStatusError) as raised:
        client.embeddings.create(model="demo-embedding", input="Hello")
    assert (raised.value.status_code, raised.value.code) == (402, "plan-upgrade-required")


def test_a_refusal_is_raised_after_one_attempt_with_the_problem_readable(
    installation: Installation, console: Console
) -> None:
    refused = installation.demo["refused"]
    client = client_of(installation, refused["api_key"])
    before = len(console("rows", app=refused["application"]))
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(
            model=installation.demo["model"], messages=[{"role": "user", "content": "Hello"}], stream=True
        )
    error = raised.value
    assert error.status_code == 402
    assert error.code == "subscription-required"
    assert isinstance(error.body, dict)
    problem = error.body["problem"]
    assert problem["status"] == 402
    assert problem["request_id"] == error.request_id
    assert problem["links"]["fix"].startswith(f"{installation.url}/fix/subscription-required/?")
    assert problem["links"]["fix"] in error.message
    # Long enough for the client's own repetitions, which begin after half a second.
    time.sleep(1.5)
    rows = soon(lambda: console("rows", app=refused["application"])[before:])
    assert rows == [[402, "subscription-required", []]]
