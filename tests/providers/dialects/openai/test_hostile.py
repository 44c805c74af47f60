"""Whatever stands where: a request is read or refused, an answer is read or unreadable, a stream ends. Pure."""

import copy
from collections.abc import Iterator
from typing import Any, Final

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects import canonical as c
from providers.dialects.base import Asked, Given, Target, UnreadableAnswer
from providers.dialects.canonical import BadRequest
from providers.dialects.openai.codec import CODEC
from providers.dialects.profile import ModelFacts, Profile
from tests.providers.dialects import fixtures
from tests.providers.dialects.fixtures import Fixture

JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
TARGET: Final = Target(Profile("custom", "Custom"), ModelFacts("the-model"))
REQUESTS: Final = fixtures.load("openai", "request")
ANSWERS: Final = fixtures.load("openai", "answer")
STREAMS: Final = fixtures.load("openai", "stream")


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(content, dict | list):
        for name, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from places(value, (*path, name))


def changed(content: Any, data: st.DataObject) -> Any:
    """Something else stands in one or two of its places, or nothing."""
    content = copy.deepcopy(content)
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(list(places(content))))
        if not path:
            return data.draw(JSON)
        holder = content
        for step in path[:-1]:
            holder = holder[step]
        if data.draw(st.booleans()):
            holder[path[-1]] = data.draw(JSON)
        else:
            del holder[path[-1]]
    return content


@given(fixture=st.sampled_from(REQUESTS), data=st.data())
@settings(max_examples=300)
def test_request_is_read_and_written_or_refused_by_a_pointer(fixture: Fixture, data: st.DataObject) -> None:
    body = orjson.dumps(changed(orjson.loads(fixture.body), data))

    try:
        chat = CODEC.read_request(CODEC.outline("chat/completions", body))
        CODEC.write_request(chat, TARGET, Given())
        chat.dialect = "another"
        CODEC.write_request(chat, TARGET, Given())
    except BadRequest as refusal:
        pointer, message = refusal.pointer, refusal.message
    else:
        return
    assert message
    assert pointer == "" or pointer.startswith("/")


@given(fixture=st.sampled_from(ANSWERS), data=st.data())
@settings(max_examples=300)
def test_answer_is_read_and_written_or_unreadable(fixture: Fixture, data: st.DataObject) -> None:
    body = orjson.dumps(changed(orjson.loads(fixture.body), data))

    CODEC.read_error(400, {}, body, TARGET)
    meter = CODEC.answer_meter(TARGET)
    assert meter.feed(body) == body
    assert meter.output_seen >= 0
    try:
        answer = CODEC.read_answer(body, TARGET)
    except UnreadableAnswer:
        return
    CODEC.write_answer(answer, Asked("m", "0" * 24, 0))
    answer.dialect = "another"
    CODEC.write_answer(answer, Asked("m", "0" * 24, 0))


@given(fixture=st.sampled_from(STREAMS), data=st.data())
@settings(max_examples=300)
def test_stream_ends_once_whatever_its_chunks_hold(fixture: Fixture, data: st.DataObject) -> None:
    events = fixture.body.split(b"\n\n")
    place = data.draw(st.integers(0, len(events) - 2))
    chunk = events[place].removeprefix(b"data: ")
    told = orjson.loads(chunk) if chunk.startswith(b"{") else {}
    events[place] = b"data: " + orjson.dumps(changed(told, data))
    reader, writer = CODEC.stream_reader(TARGET), CODEC.stream_writer(Asked("m", "0" * 24, 0, stream=True))

    read = [*reader.feed(b"\n\n".join(events)), *reader.close()]
    written = [writer.write(event) for event in read]

    assert [event for event in read if isinstance(event, c.End | c.Failed)] == read[-1:]
    assert all(isinstance(piece, bytes) for piece in written)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_answer_and_an_error_all_the_same(body: bytes) -> None:
    reader = CODEC.stream_reader(TARGET)

    error = CODEC.read_error(502, {}, body, TARGET)
    events = [*reader.feed(b"data: " + body + b"\n\n"), *reader.close()]

    assert error.status == 502
    assert isinstance(events[-1], c.Failed)
