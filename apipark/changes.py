"""Tell every worker that something it holds in memory was changed.

The row is written in the transaction of the change, so that neither exists without the other. The message over Redis
only wakes the workers; each looks at the table every 500 ms anyway and is right within a second without Redis.

Kinds: consumer (an API key's id), application, team, subscription, catalogue (services, models, prices, provider keys:
workers hold that list as a whole), allowance, clock.
"""

import contextlib
from datetime import UTC, datetime
from functools import cache
from typing import Literal

import redis
from django.conf import settings
from django.db import transaction

from apipark.models import Change

CHANNEL = "apipark:changed"
Kind = Literal["consumer", "application", "team", "subscription", "catalogue", "allowance", "clock"]


def announce(kind: Kind, object_id: int = 0) -> None:
    """Call inside the transaction that makes the change. Repeating is harmless."""
    Change.objects.create(kind=kind, object_id=object_id, at=datetime.now(UTC))
    transaction.on_commit(_wake)


def _wake() -> None:
    # Without Redis the workers find the row by themselves within 500 ms.
    with contextlib.suppress(redis.RedisError, OSError):
        _client().publish(CHANNEL, b"")


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        client_url(settings.REDIS_URL), socket_timeout=0.1, socket_connect_timeout=0.1, retry=None
    )


def client_url(url: str) -> str:
    """redis-py's spelling of a broker address: Celery writes `redis+socket://:pw@/path?virtual_host=0` for a socket."""
    if not url.startswith("redis+socket://"):
        return url
    return "unix" + url.removeprefix("redis+socket").replace("virtual_host=", "db=")
