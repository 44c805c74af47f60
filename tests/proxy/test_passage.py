"""A call is settled on every way out, whatever it carried."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from apipark.ids import new_call_id
from apipark.problems import Problem
from billing.terms import Facts, Terms
from providers.dialects.canonical import Report
from proxy.catalogue import ServiceRoute, VersionRoute
from proxy.consumers import Consumer
from proxy.inbound import InboundCall, Message
from proxy.passage import Passage, Planned
from proxy.purse import Purse
from proxy.sending import Sending
from proxy.spool import Damaged, Spool, read_records, segment_path
from proxy.upstream import Exchange, NotSent, Upstreams
from proxy.wires import RestWire
from tests.proxy.routes import BASE


class Nowhere(Upstreams):
    """No connection to anybody."""

    def __init__(self) -> None:
        pass

    async def exchange(self, *_: Any) -> Exchange:
        raise NotSent("no connection")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool.open(tmp_path, uuid4(), host="here", fsync="off", segment_bytes=1 << 20, free_bytes=0)
    yield spool
    spool.close()


async def _receive() -> Message:
    return {"type": "http.disconnect"}


async def _send(_message: Message) -> None:
    pass


def a_call() -> InboundCall:
    scope = {"method": "GET", "path": "/apis/weather/today", "query_string": b"", "headers": []}
    return InboundCall(scope, _receive, _send, call=new_call_id(1), time_us=1, now_ns=time.monotonic_ns())


def planned(report: Report) -> Planned:
    consumer = Consumer(1, "key_1", 2, "app_1", 3, "team_1", "live", (), None, None, False, None, None, (), 0.0)
    terms = Terms(
        subscription_id=4,
        subscription_ref="sub_1",
        plan_ref="plan_1",
        plan_slug="plan",
        plan_name="Plan",
        plan_version_id=5,
        plan_version=1,
        currency="USD",
        facts=Facts(),
        service_ids=frozenset([6]),
        model_ids=None,
        requests_per_minute=None,
        max_request_bytes=None,
        call_price_nano=0,
        cost_factor_ppm=0,
    )
    version = VersionRoute(7, 1, "published", BASE, strict=False)
    service = ServiceRoute(6, "svc_1", "weather", "Weather", "rest", 3, "team_1", True, {1: version}, version)
    sending = Sending(BASE, "GET", BASE.url, [], b"", RestWire(), report=report)
    return Planned(consumer, terms, service, version, sending, units={}, own_headers=[])


# A control character takes six bytes of JSON.
NASTY = ["\x01" * 500 + str(number) for number in range(200)]


@pytest.mark.parametrize(
    "report",
    [
        Report(),
        Report(dropped=NASTY),
        Report(dropped=NASTY, clamped=[(name, name) for name in NASTY], emulated=NASTY),
    ],
)
async def test_a_call_is_settled_however_much_there_is_to_tell_of_it(spool: Spool, report: Report) -> None:
    purse = Purse(uuid4(), ThreadPoolExecutor(1), deadline_s=1)

    with pytest.raises(Problem, match="upstream-failed"):
        await Passage(spool, Nowhere()).carry(a_call(), planned(report), await purse.reserve([], 1))

    spool.flush()
    records = [record for _, _, record in read_records(segment_path(spool.folder, 0).read_bytes())]
    assert not any(isinstance(record, Damaged) for record in records)
    assert [record["k"] for record in records if isinstance(record, dict)] == ["h", "a", "o"]
