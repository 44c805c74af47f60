"""Answers through every codec of the registry. Pure: no test here may touch the database."""

import copy
from typing import get_args

from hypothesis import given, settings

from providers.dialects import canonical as c
from providers.dialects.canonical import Answer
from providers.dialects.registry import CALLERS, UPSTREAMS
from providers.dialects.usage import Usage
from tests.providers.dialects import sdk, strategies
from tests.providers.dialects.contract import asked, callers, cut, of_fixtures, target
from tests.providers.dialects.fixtures import Fixture
from tests.providers.dialects.said import counted, expected


@callers
@given(answer=strategies.answers())
@settings(max_examples=60)
def test_answer_reads_the_same_in_the_sdk(caller: str, answer: Answer) -> None:
    written = CALLERS[caller].write_answer(answer, asked())

    assert sdk.whole(caller, written) == expected(answer, caller)
    assert CALLERS[caller].write_answer(copy.deepcopy(answer), asked()) == written


@callers
@given(usage=strategies.usages)
@settings(max_examples=60)
def test_ledger_shown_to_callers_reads_back(caller: str, usage: Usage) -> None:
    """In the classes that the dialect can express."""
    answer = Answer("none", "an-id", "the-model", [c.Choice([c.Text("Hello")], c.Stop("stop"))], usage)

    back = CALLERS[caller].read_answer(CALLERS[caller].write_answer(answer, asked()), target()).usage

    assert back is not None
    assert (back.input_total, back.output_total) == (usage.input_total, usage.output_total)
    assert counted(back, caller) == counted(usage, caller)


@of_fixtures("answer")
def test_answer_is_whole_or_refused_as_unreadable(fixture: Fixture) -> None:
    answer = UPSTREAMS[fixture.dialect].read_answer(fixture.body, target())

    assert answer.choices
    assert answer.dialect == fixture.dialect
    assert all(choice.stop.reason in get_args(c.StopReason) for choice in answer.choices)


@of_fixtures("answer", of=CALLERS)
def test_passed_through_answer_is_unchanged_and_counted(fixture: Fixture) -> None:
    meter = CALLERS[fixture.dialect].answer_meter(target())

    passed = b"".join(meter.feed(piece) for piece in cut(fixture.body, [10, 100])) + meter.close()

    assert passed == fixture.body
    assert (meter.usage.counts() if meter.usage else None) == fixture.ledger
