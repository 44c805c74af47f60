from typing import Any

import pytest

from proxy.models import Call
from proxy.waterfall import Step, changes, waterfall
from tests.analytics.factories import CallFactory
from tests.providers.factories import AiModelFactory, ProviderKeyFactory


def attempt(**values: Any) -> dict[str, Any]:
    asked = {"provider": "North", "key": 8, "label": "north-1", "model": 2, "name": "gpt-nano"}
    return {**asked, "status": 200, "at": 4, "ms": 100, "why": "", "said": "", **values}


def a_call(*attempts: dict[str, Any], **values: Any) -> Call:
    return CallFactory.build(attempts=list(attempts), upstream_status=200, **values)


def drawn(call: Call, *, for_operator: bool = False) -> list[Step]:
    return [bar.step for bar in waterfall(call, None, None, for_operator=for_operator).bars]


def test_attempts_stand_on_one_axis_with_what_they_waited_for() -> None:
    call = a_call(
        attempt(status=529, ms=96, why="overloaded", said="busy"),
        attempt(provider="South", label="south-1", at=350, ms=650),
        duration_ms=1_000,
        first_byte_ms=600,
    )

    picture = waterfall(call, None, None, for_operator=False)

    assert [(bar.step.number, bar.step.name, bar.step.ending, bar.step.status) for bar in picture.bars] == [
        (0, "Gateway", "", None),
        (1, "North", "Overloaded", 529),
        (2, "South", "Answered", 200),
        (0, "To the first byte", "", None),
        (0, "Answer", "", None),
    ]
    assert [bar.step.waited_ms for bar in picture.bars] == [None, None, 250, None, None]
    assert [(bar.x, bar.width) for bar in picture.bars] == [(0, 6), (4, 96), (350, 650), (350, 250), (600, 400)]
    assert picture.attempts == 2


@pytest.mark.parametrize("why", ["key", "model", "money"])
def test_what_is_wrong_with_the_operators_account_is_for_operators(why: str) -> None:
    call = a_call(attempt(status=401, why=why, said="key sk-…7f3 of org-acme"), attempt(at=200))

    assert {(step.key, step.said) for step in drawn(call)} == {("", "")}
    assert [step.ending for step in drawn(call)[1:2]] == ["Not available"]
    for_operator = drawn(call, for_operator=True)[1]
    assert (for_operator.key, for_operator.said) == ("north-1", "key sk-…7f3 of org-acme")
    assert for_operator.ending != "Not available"


def test_answer_that_broke_off_is_not_called_answered() -> None:
    call = a_call(attempt(status=503, why="server"), attempt(at=200), outcome=Call.Outcome.CUT)

    assert [step.ending for step in drawn(call) if step.number] == ["Failed", "Cut off by the upstream"]


@pytest.mark.django_db
def test_only_attempt_is_the_whole_call() -> None:
    model, key = AiModelFactory.create(name="gpt-nano"), ProviderKeyFactory.create(name="north-1")
    call = a_call(duration_ms=812, first_byte_ms=640)

    (first, *parts) = (bar.step for bar in waterfall(call, model, key, for_operator=True).bars)

    assert (first.name, first.model, first.key, first.took_ms) == (model.provider.name, "gpt-nano", "north-1", 812)
    assert [(step.start_ms, step.took_ms) for step in parts] == [(0, 640), (640, 172)]


def test_refused_call_has_no_way() -> None:
    assert drawn(a_call(outcome=Call.Outcome.REFUSED, first_byte_ms=None)) == []


@pytest.mark.parametrize("duration_ms", [0, 1])
def test_the_shortest_call_is_drawn_within_its_axis(duration_ms: int) -> None:
    call = a_call(attempt(at=0, ms=0, why="rate", status=429), attempt(at=0, ms=duration_ms), duration_ms=duration_ms)

    bars = waterfall(call, None, None, for_operator=False).bars

    assert all(0 <= bar.x <= bar.x + bar.width <= 1000 for bar in bars)


def test_changes_say_what_was_done_to_what() -> None:
    report = {"dropped": ["seed", "logit_bias"], "clamped": [["temperature", "1"]], "emulated": ["json"]}

    assert changes(report) == [
        ("Left out", ["seed", "logit_bias"]),
        ("Changed", ["temperature became 1"]),
        ("Done by the gateway", ["json"]),
    ]
    assert changes({}) == []
