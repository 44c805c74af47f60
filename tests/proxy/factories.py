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
