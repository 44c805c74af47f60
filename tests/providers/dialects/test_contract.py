"""What every dialect of the registry must do, whichever it is; requests, answers and streams have files of their own.

Pure: no test here may touch the database.
"""

import json
import re
from typing import Final

import pytest

from providers.dialects import canonical as c
from providers.dialects.base import Shown
from providers.dialects.registry import CALLERS, UPSTREAMS
from providers.dialects.usage import Usage
from tests.providers.dialects import fixtures, sdk
from tests.providers.dialects.contract import callers, events_of, of_fixtures, target
from tests.providers.dialects.fixtures import Fixture

DIALECTS: Final = ("openai", "responses", "anthropic", "gemini", "bedrock", "cohere", "ollama")


def test_registry_names_each_dialect_as_it_calls_itself() -> None:
    assert set(CALLERS) <= set(UPSTREAMS) <= set(DIALECTS)
    assert all(codec.name == name for name, codec in UPSTREAMS.items())
    assert all(UPSTREAMS[name] is codec for name, codec in CALLERS.items())


# Fixtures ------------------------------------------------------------------------------------------------------------
@of_fixtures("answer", "stream")
def test_fixture_counts_what_its_head_states(fixture: Fixture) -> None:
    usage = _usage(fixture)

    assert {"provider", "model", "date", "origin"} <= set(fixture.head)
    assert (usage.counts() if usage else None) == fixture.ledger


def _usage(fixture: Fixture) -> Usage | None:
    if fixture.kind == "answer":
        return UPSTREAMS[fixture.dialect].read_answer(fixture.body, target()).usage
    seen = [event.usage for event in events_of(fixture) if isinstance(event, c.UsageSeen)]
    return seen[-1] if seen else None


@of_fixtures("answer", status=True)
def test_fixture_of_a_refusal_is_read(fixture: Fixture) -> None:
    error = UPSTREAMS[fixture.dialect].read_error(fixture.status, {}, fixture.body, target())

    assert error.status == fixture.status
    assert error.message in json.dumps(json.loads(fixture.body), ensure_ascii=False)
    assert error.message


@of_fixtures("stream")
def test_ledger_does_not_depend_on_the_order_of_reports_of_usage(fixture: Fixture) -> None:
    """Chunks that hold nothing but usage, doubled: what is set is not added."""
    if fixture.dialect in fixtures.BINARY or fixture.ledger is None:
        return
    chunks = re.split(rb"(?<=\n\n)" if fixture.dialect != "ollama" else rb"(?<=\n)", fixture.body)
    doubled = [chunk for chunk in chunks for _ in range(2 if _only_usage(chunk) else 1)]

    events = events_of(fixture, doubled)

    assert [event.usage.counts() for event in events if isinstance(event, c.UsageSeen)][-1:] == [fixture.ledger]


def _only_usage(chunk: bytes) -> bool:
    return b'"usage' in chunk and b'"choices":[]' in chunk.replace(b" ", b"")


# Errors --------------------------------------------------------------------------------------------------------------
_STATUSES: Final = (400, 401, 402, 403, 404, 409, 413, 422, 429, 502, 503, 504)


@callers
@pytest.mark.parametrize("status", _STATUSES)
def test_refusal_is_what_a_program_holds(caller: str, status: int) -> None:
    shown = Shown(status, "a-code", "What happened.", request_id="req_1", problem={"code": "a-code", "status": status})

    raised = sdk.refused(caller, status, CALLERS[caller].write_error(shown))

    assert (raised.status, raised.message, raised.problem) == (status, "What happened.", shown.problem)
    assert raised.code == "a-code" or caller == "gemini"
