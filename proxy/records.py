"""What the spool holds of a call (format version 1): one record when it is admitted, one when it ends, one if refused."""

from typing import Any, Final

import orjson

from billing.terms import Terms
from proxy.catalogue import ModelRoute, ServiceRoute, VersionRoute
from proxy.consumers import Consumer
from proxy.inbound import InboundCall

# Client strings in a record are bounded: a path of 8 KiB would make records that dwarf the rest.
PATH_CHARACTERS: Final = 500


def who(consumer: Consumer) -> dict[str, Any]:
    return {
        "team": consumer.team_id,
        "app": consumer.application_id,
        "key": consumer.key_id,
        "env": consumer.environment,
    }


def where(call: InboundCall) -> dict[str, Any]:
    return {"id": call.hex, "t": call.time_us, "m": call.method[:10], "p": call.path[:PATH_CHARACTERS]}


def stamp(
    consumer: Consumer, terms: Terms, service: ServiceRoute, version: VersionRoute, model: ModelRoute | None
) -> bytes:
    """The members of an admitted record that all like calls of one key share: JSON without its braces."""
    return orjson.dumps(
        {
            **who(consumer),
            "sub": terms.subscription_id,
            "pv": terms.plan_version_id,
            "svc": service.id,
            "ver": version.id,
            "model": model.id if model else None,
            "cur": terms.currency,
        }
    )[1:-1]
