"""What a worker says of a database that does not let it read what changed."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from proxy.directory import Directory


class Database(Executor):
    """The look-up thread of a database in which nothing changes."""

    def __init__(self) -> None:
        self.away = False
        self.broken = False
        self.asked = 0

    def submit(self, _work: Callable[..., Any], /, *_args: Any, **_options: Any) -> Future[Any]:
        self.asked += 1
        answer: Future[Any] = Future()
        if self.away:
            answer.set_exception(OperationalError("the database is away"))
        elif self.broken:
            answer.set_exception(ValueError("a row that nothing can be made of"))
        else:
            answer.set_result([])
        return answer


async def _asked_again(directory: Directory, database: Database, *, times: int) -> None:
    until = database.asked + times
    while database.asked < until:
        directory.wake()
        await asyncio.sleep(0)


@pytest.mark.parametrize("trouble", ["away", "broken"])
async def test_outage_is_logged_when_it_begins_and_when_it_ends(trouble: str) -> None:
    """Whatever it is, the worker looks again."""
    database = Database()
    directory = Directory(database, snapshot_life=timedelta(minutes=15))

    with capture_logs() as lines:
        following = asyncio.create_task(directory.follow())
        await _asked_again(directory, database, times=2)
        setattr(database, trouble, True)
        await _asked_again(directory, database, times=10)
        begun = [line["event"] for line in lines]
        setattr(database, trouble, False)
        await _asked_again(directory, database, times=2)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    assert begun == ["changes_unreadable"]
    assert [line["event"] for line in lines] == ["changes_unreadable", "changes_unreadable_no_more"]
    assert lines[-1]["times"] >= 9
