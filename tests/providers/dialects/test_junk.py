"""Requests and answers in which one value is not what it should be: refused or read, never an exception of another kind.

Pure: no test here may touch the database.
"""

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects import canonical as c
from providers.dialects.base import Fetched, Given, Outline, UnreadableAnswer
from providers.dialects.canonical import BadRequest, Event
from providers.dialects.registry import CALLERS, UPSTREAMS
from tests.providers.dialects import fixtures
from tests.providers.dialects.contract import asked, callers, target, upstreams
from tests.providers.dialects.fixtures import Fixture

Place = tuple[str | int, ...]
JUNK: Final[tuple[Any, ...]] = (None, True, 7, -1, 1.5, "", "x", [], {}, [None], [7], ["x"], {"type": "x"})


@st.composite
def spoilt(draw: st.DrawFn, content: Any) -> Any:
    place = draw(st.sampled_from(list(_places(content))))
    junk = draw(st.sampled_from(JUNK))
    if not place:
        return junk
    changed = copy.deepcopy(content)
    *way, last = place
    at = changed
    for step in way:
        at = at[step]
    at[last] = junk
    return changed


def _places(content: Any, place: Place = ()) -> Iterator[Place]:
    yield place
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for step, value in inner:
        yield from _places(value, (*place, step))


def _some(dialect: str, kind: fixtures.Kind) -> st.SearchStrategy[Fixture]:
    return st.sampled_from([each for each in fixtures.load(dialect, kind) if each.status == 200])


@callers
@given(data=st.data())
@settings(max_examples=200)
def test_junk_in_a_request_is_refused_or_carried(caller: str, data: st.DataObject) -> None:
    fixture = data.draw(_some(caller, "request"))
    body = orjson.dumps(data.draw(spoilt(orjson.loads(fixture.body))))
    try:
        chat = CALLERS[caller].read_request(CALLERS[caller].outline(fixture.path, body))
    except BadRequest:
        return

    for dialect in UPSTREAMS.values():
        urls = dialect.wanted_media(chat, target())
        try:
            dialect.write_request(chat, target(), Given(media={url: Fetched("AAAA", "image/png") for url in urls}))
        except BadRequest as refusal:
            assert refusal.message  # noqa: PT017 (carried or refused: both are right)


@upstreams
@given(data=st.data())
@settings(max_examples=200)
def test_junk_in_an_answer_is_unreadable_or_told(upstream: str, data: st.DataObject) -> None:
    fixture = data.draw(_some(upstream, "answer"))
    body = orjson.dumps(data.draw(spoilt(orjson.loads(fixture.body))))
    try:
        answer = UPSTREAMS[upstream].read_answer(body, target())
    except UnreadableAnswer:
        return

    assert answer.choices
    for dialect in CALLERS.values():
        if all(choice.stop.reason != "failed" for choice in answer.choices):
            # Arguments that are no object have no place in some dialects (T5).
            with suppress(UnreadableAnswer):
                orjson.loads(dialect.write_answer(answer, asked()))


@upstreams
@given(data=st.data())
@settings(max_examples=200)
def test_junk_in_a_stream_ends_it_once(upstream: str, data: st.DataObject) -> None:
    fixture = data.draw(_some(upstream, "stream"))
    body = data.draw(_spoilt_stream(fixture))
    reader = UPSTREAMS[upstream].stream_reader(target())

    events: list[Event] = [*reader.feed(body), *reader.close()]

    assert [isinstance(event, c.End | c.Failed) for event in events].index(True) == len(events) - 1
    for caller, dialect in CALLERS.items():
        writer = dialect.stream_writer(asked(stream=True))
        for event in events:
            writer.write(event)
        if caller == upstream:
            meter = dialect.stream_meter(Outline("m", stream=True, include_usage=True), target())
            assert meter.feed(body) + meter.close() == body
            assert meter.usage is None or meter.usage.input_total >= 0


@st.composite
def _spoilt_stream(draw: st.DrawFn, fixture: Fixture) -> bytes:
    """One value of one event; of binary frames one byte."""
    if fixture.dialect in fixtures.BINARY:
        at = draw(st.integers(0, len(fixture.body) - 1))
        return fixture.body[:at] + bytes([fixture.body[at] ^ draw(st.integers(1, 255))]) + fixture.body[at + 1 :]
    lines = fixture.body.split(b"\n")
    number = draw(st.sampled_from([at for at, line in enumerate(lines) if line.removeprefix(b"data: ")[:1] == b"{"]))
    data = lines[number].removeprefix(b"data: ")
    prefix = lines[number].removesuffix(data)
    lines[number] = prefix + orjson.dumps(draw(spoilt(orjson.loads(data))))
    return b"\n".join(lines)
