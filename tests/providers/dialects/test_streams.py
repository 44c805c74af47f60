"""Streams through every codec of the registry. Pure: no test here may touch the database."""

from collections.abc import Iterator
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects import canonical as c
from providers.dialects.canonical import Answer, Event
from providers.dialects.registry import CALLERS
from providers.dialects.usage import Usage
from tests.providers.dialects import fixtures, sdk, strategies
from tests.providers.dialects.contract import SHOWN, asked, callers, cut, events_of, of_fixtures, target
from tests.providers.dialects.fixtures import Fixture
from tests.providers.dialects.said import expected, gathered

# About 200 cuts of each stream.
CUTS: Final = st.lists(st.integers(0, 2**20), min_size=1, max_size=20)


@of_fixtures("stream")
@given(places=CUTS)
@settings(max_examples=20)
def test_stream_gives_equal_events_wherever_it_is_cut(fixture: Fixture, places: list[int]) -> None:
    assert events_of(fixture, cut(fixture.body, places)) == events_of(fixture)


@of_fixtures("stream")
def test_stream_gives_equal_events_byte_by_byte(fixture: Fixture) -> None:
    assert events_of(fixture, [bytes([byte]) for byte in fixture.body]) == events_of(fixture)


@of_fixtures("stream")
def test_stream_without_its_end_is_never_a_clean_stop(fixture: Fixture) -> None:
    whole = events_of(fixture)
    last_content = max(at for at, event in enumerate(whole) if not isinstance(event, c.End | c.Failed | c.UsageSeen))

    for end in range(len(fixture.body)):
        events = events_of(fixture, [fixture.body[:end]])
        ended = [event for event in events if isinstance(event, c.End | c.Failed)]
        assert ended == events[-1:], f"cut at {end}"
        if isinstance(ended[0], c.Failed):
            assert ended[0].interrupted or ended == whole[-1:], f"cut at {end}"
        else:
            assert len(events) > last_content, f"cut at {end}"


@of_fixtures("stream")
def test_stream_stands_comments_blanks_and_other_line_ends(fixture: Fixture) -> None:
    if fixture.dialect in fixtures.BINARY:
        return
    whole = events_of(fixture)
    body = fixture.body
    if fixture.dialect != "ollama":
        assert events_of(fixture, [b"\xef\xbb\xbf" + body]) == whole
        assert events_of(fixture, [b": keep-alive\n\n" + body.replace(b"\n\n", b"\n\n: more\n\n")]) == whole
        assert events_of(fixture, [body.replace(b"\n", b"\r")]) == whole
        assert events_of(fixture, [body.rstrip(b"\n")]) == whole
    assert events_of(fixture, [body.replace(b"\n", b"\r\n")]) == whole


@callers
@given(events=strategies.events())
@settings(max_examples=80)
def test_stream_reads_the_same_in_the_sdk(caller: str, events: list[Event]) -> None:
    writer = CALLERS[caller].stream_writer(asked(stream=True))

    written = b"".join(writer.write(event) for event in events)

    assert sdk.streamed(caller, written) == expected(gathered(events), caller)
    assert not any(writer.write(event) for event in events)


@callers
@given(events=strategies.events())
@settings(max_examples=40)
def test_stream_comes_back_through_its_own_reader(caller: str, events: list[Event]) -> None:
    writer = CALLERS[caller].stream_writer(asked("the-model", stream=True))
    reader = CALLERS[caller].stream_reader(target())

    written = b"".join(writer.write(event) for event in events)
    back = gathered([*reader.feed(written), *reader.close()])

    wanted = gathered(events)
    assert expected(back, caller) == expected(wanted, caller)


@callers
@given(events=strategies.events(), data=st.data())
@settings(max_examples=40)
def test_stream_that_breaks_raises_in_the_sdk(caller: str, events: list[Event], data: st.DataObject) -> None:
    writer = CALLERS[caller].stream_writer(asked(stream=True))
    before = b"".join(writer.write(event) for event in events[: data.draw(st.integers(0, len(events) - 2))])

    raised = sdk.broken(caller, before + writer.error(SHOWN))

    assert raised.message == SHOWN.message
    assert raised.problem == SHOWN.problem


@callers
@given(events=strategies.events(), data=st.data())
@settings(max_examples=40)
def test_stream_that_meets_a_cap_ends_as_if_its_limit_were_met(
    caller: str, events: list[Event], data: st.DataObject
) -> None:
    writer = CALLERS[caller].stream_writer(asked(stream=True))
    passed = events[: data.draw(st.integers(1, len(events) - 3))]
    before = b"".join(writer.write(event) for event in passed)
    usage = Usage(input_text=7, output_text=3)

    written = before + writer.stop_at_cap({"code": "quota-exceeded"}, usage)

    said = sdk.streamed(caller, written)
    length = Answer("none", "", "", [c.Choice([], c.Stop("length"))], usage)
    wanted = expected(length, caller)
    assert [choice.stop for choice in said.choices] == [wanted.choices[0].stop]
    assert said.usage == wanted.usage
    assert said.choices[0].text == "".join(_text_of(passed))
    assert b"quota-exceeded" in written
    assert not any(writer.write(event) for event in events)


def _text_of(events: list[Event]) -> Iterator[str]:
    texts = {event.key for event in events if isinstance(event, c.PartStart) and event.kind == "text"}
    return (event.text for event in events if isinstance(event, c.Delta) and event.key in texts)


@of_fixtures("stream", of=CALLERS)
@given(places=CUTS)
@settings(max_examples=10)
def test_passed_through_stream_is_unchanged_and_counted(fixture: Fixture, places: list[int]) -> None:
    codec = CALLERS[fixture.dialect]
    request = fixtures.one(fixture.dialect, "text", "request")
    outline = codec.outline(request.path, request.body)
    outline.stream = outline.include_usage = True
    meter = codec.stream_meter(outline, target())

    passed = b"".join(meter.feed(piece) for piece in cut(fixture.body, places)) + meter.close()

    last = events_of(fixture)[-1]
    assert passed == fixture.body
    assert (meter.usage.counts() if meter.usage else None) == fixture.ledger
    assert meter.complete == isinstance(last, c.End)
    assert meter.failed == isinstance(last, c.Failed)
