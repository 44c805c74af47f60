"""What is passed through: counted beside, and ended properly at a cap. Pure: no test here may touch the database."""

from typing import Any

import openai
import orjson
import pytest

from providers.dialects.base import Shown
from providers.dialects.responses.codec import CODEC
from providers.dialects.usage import Usage
from tests.providers.dialects import fixtures
from tests.providers.dialects.responses.factories import (
    CREATED,
    accumulated,
    body,
    completed,
    data_of,
    delta,
    event,
    target,
)

OUTLINE = CODEC.outline("responses", body(input="Hello, who is there?"))


def meter() -> Any:
    return CODEC.stream_meter(OUTLINE, target())


def stream_of(scenario: str) -> bytes:
    return fixtures.one("responses", scenario, "stream").body


# Counting ------------------------------------------------------------------------------------------------------------
def test_usage_is_that_of_the_last_event() -> None:
    counted = meter()

    counted.feed(CREATED + delta("output_text", "Hello") + completed(usage={"input_tokens": 9, "output_tokens": 4}))

    assert (counted.usage, counted.complete, counted.failed) == (Usage(input_text=9, output_text=4), True, False)


def test_output_is_counted_as_it_comes() -> None:
    counted = meter()
    counted.feed(CREATED)
    assert counted.output_seen == 0

    counted.feed(delta("output_text", "abc") + delta("function_call_arguments", "def", 1))
    assert counted.output_seen == 2
    counted.feed(delta("reasoning_summary_text", "ü" * 30, 2))
    assert counted.output_seen == 22
    assert (counted.usage, counted.complete) == (None, False)


@pytest.mark.parametrize(
    "last",
    [
        event("error", error={"message": "No."}),
        event("response.failed", response={"status": "failed"}),
        b'data: {"error":{}}\n\n',
    ],
)
def test_stream_that_fails_is_not_complete(last: bytes) -> None:
    counted = meter()

    counted.feed(CREATED + last)

    assert (counted.complete, counted.failed) == (False, last != b'data: {"error":{}}\n\n')


def test_t30_bytes_pass_as_they_came_and_event_by_event() -> None:
    """What is added at a cap then never lands within an event."""
    stream = stream_of("parallel_tools").replace(b"\n", b"\r\n")
    counted = meter()

    passed = [counted.feed(bytes([byte])) for byte in stream]

    assert b"".join(passed) + counted.close() == stream
    assert all(piece.endswith(b"\r\n\r\n") for piece in passed if piece)


def test_event_that_never_ends_is_passed_on_at_the_end() -> None:
    counted = meter()

    assert counted.feed(CREATED + b"data: {") + counted.feed(b'"a"') == CREATED
    assert counted.close() == b'data: {"a"'


# Ending --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "scenario", ["text", "parallel_tools", "thinking_replay", "refusal", "hosted_tool", "shown_reasoning"]
)
def test_cap_ends_any_stream_anywhere_as_if_its_limit_were_met(scenario: str) -> None:
    stream = stream_of(scenario)
    begun = stream.index(b"response.in_progress")
    for place in range(begun, stream.index(b'"response.completed"'), 97):
        counted = meter()
        passed = counted.feed(stream[:place])

        written = passed + counted.stop_at_cap({"code": "quota-exceeded"})

        events, _ = accumulated(written)
        last = events[-1]
        assert (last.type, last.response.incomplete_details.reason) == ("response.incomplete", "max_output_tokens")
        assert last.response.problem == {"code": "quota-exceeded"}
        assert (last.response.id, last.response.model) == _begun(stream)
        assert last.response.usage.output_tokens == counted.output_seen
        assert last.response.usage.input_tokens == OUTLINE.input_expected
        _closed(passed, written)


def _begun(stream: bytes) -> tuple[str, str]:
    first = next(line for line in stream.splitlines() if line.startswith(b"data: {"))
    response = orjson.loads(first[6:])["response"]
    return response["id"], response["model"]


def _closed(passed: bytes, written: bytes) -> None:
    """Numbers go on, each item that was added is done, and the response holds each as it was done."""
    found = [orjson.loads(line[6:]) for line in written.splitlines() if line.startswith(b"data: {")]
    assert [each["sequence_number"] for each in found] == list(range(len(found)))
    by_kind: dict[str, list[Any]] = {}
    for each in found:
        by_kind.setdefault(each["type"], []).append(each)
    added = [each["output_index"] for each in by_kind.get("response.output_item.added", [])]
    done = by_kind.get("response.output_item.done", [])
    assert [each["output_index"] for each in done] == added
    assert found[-1]["response"]["output"] == [each["item"] for each in done]
    parts = [each["type"] for each in found if each["type"].endswith("part.added")]
    assert len(parts) == sum(each["type"].endswith("part.done") for each in found)
    told = "".join(each["delta"] for each in found if each["type"] == "response.output_text.delta")
    texts = [each["text"] for each in found if each["type"] == "response.output_text.done"]
    assert "".join(texts) == told


def test_cap_shows_what_had_been_counted_of_usage() -> None:
    counted = meter()
    usage = {"input_tokens": 9, "output_tokens": 4}
    counted.feed(CREATED + event("response.in_progress", response={"id": "resp_1", "output": [], "usage": usage}))

    (last,) = data_of(counted.stop_at_cap({}))

    assert last["response"]["usage"]["total_tokens"] == 13


def test_failure_goes_on_with_the_numbers_and_the_sdk_raises_it() -> None:
    stream = stream_of("text")
    counted = meter()
    passed = counted.feed(stream[: stream.index(b"Paris")])

    written = passed + counted.error(Shown(502, "upstream-failed", "It broke."))

    with pytest.raises(openai.APIError) as raised:
        accumulated(written)
    assert raised.value.code == "upstream-failed"
    numbers = [each["sequence_number"] for each in data_of(written)]
    assert numbers == list(range(len(numbers)))


# Answers in one piece ------------------------------------------------------------------------------------------------
def test_answer_is_read_when_it_is_whole() -> None:
    content = fixtures.one("responses", "hosted_tool", "answer").body
    counted = CODEC.answer_meter(target())

    assert counted.feed(content[:100]) + counted.feed(content[100:]) + counted.close() == content

    assert counted.usage == Usage(input_text=330, output_text=40, searches=1)
    assert (counted.complete, counted.failed) == (True, False)
    assert counted.output_seen == -(-len("Paris has 2.1 million inhabitants (example.org).") // 3)


def test_answer_that_is_torn_is_counted_by_its_size() -> None:
    counted = CODEC.answer_meter(target())
    counted.feed(b'{"output":[{"type"')

    counted.close()

    assert (counted.usage, counted.complete, counted.output_seen) == (None, False, 6)
