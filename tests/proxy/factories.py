from typing import Any
from uuid import uuid4

from apipark import clock
from apipark.ids import new_call_id
from billing.models import Subscription
from providers.models import Service, VersionState
from proxy.models import Call
from teams.models import ApiKey, Application


def a_call(application: Application, **fields: Any) -> Call:
    """A call that was refused a moment ago."""
    now = clock.now()
    values: dict[str, Any] = {
        "id": new_call_id(int(now.timestamp() * 1_000_000)),
        "at": now,
        "worker": uuid4(),
        "team": application.team_id,
        "application": application.pk,
        "api_key": 0,
        "environment": application.environment,
        "method": "GET",
        "path": "/apis/weather/today",
        "status": 402,
        "slug": "quota-exceeded",
        "outcome": Call.Outcome.REFUSED,
    }
    return Call.objects.create(**values | fields)


def refused(
    application: Application, *, service: Service, subscription: Subscription | None = None, key: ApiKey | None = None
) -> Call:
    return a_call(
        application,
        service=service.pk,
        subscription=subscription.pk if subscription else None,
        api_key=key.pk if key else 0,
        path=f"/apis/{service.slug}/today",
        asked={"units": {"calls": 1, "bytes": 100, "tokens": 0, "spend": 0}, "model": ""},
    )


def published(service: Service) -> Service:
    service.versions.create(number=1, state=VersionState.PUBLISHED, upstream_url="https://example.org")
    return service


# Records of a spool, as a worker writes them ---------------------------------------------------------------------------
def admitted_record(number: int, **changes: Any) -> dict[str, Any]:
    """Call `number` of a test, admitted `number` milliseconds after noon of 25 November 2026."""
    time_us = 1_795_608_000_000_000 + number * 1000
    values = {"k": "a", "id": f"{number:032x}", "t": time_us, "team": 7, "app": 31, "key": 90, "sub": 12, "pv": 5}
    values |= {"svc": 3, "ver": 4, "model": 2, "pkey": 8, "price": 118, "env": "live", "m": "POST"}
    values |= {"p": "/v1/chat/completions", "s": 1, "cur": "USD", "in": 300, "R": [], "est": 75}
    return values | changes


def outcome_record(number: int, **changes: Any) -> dict[str, Any]:
    values = {"k": "o", "id": f"{number:032x}", "st": 200, "ust": 200, "out": "answered", "slug": "", "ms": 812}
    values |= {"fb": 640, "in": 300, "by": 1200, "it": 70, "ct": 10, "ot": 40, "us": "provider"}
    values |= {"cost": 1000, "rev": 1500, "C": []}
    return values | changes


def refused_record(number: int, **changes: Any) -> dict[str, Any]:
    values = admitted_record(number, k="r", st=402, slug="quota-exceeded", ms=0, asked={"units": {"calls": 1}})
    for member in ("pkey", "price", "s", "cur", "R", "est"):
        del values[member]
    return values | changes
