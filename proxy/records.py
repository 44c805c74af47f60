"""What the spool holds of a call (format version 1): one record when it is admitted, one when it ends, one if refused."""

from typing import Any, Final

from proxy.inbound import InboundCall

# Client strings in a record are bounded: a path of 8 KiB would make records that dwarf the rest.
PATH_CHARACTERS: Final = 500


def who(consumer: Any) -> dict[str, Any]:
    return {
        "team": consumer.team_id,
        "app": consumer.application_id,
        "key": consumer.key_id,
        "env": consumer.environment,
    }


def where(call: InboundCall) -> dict[str, Any]:
    return {"id": call.hex, "t": call.time_us, "m": call.method[:10], "p": call.path[:PATH_CHARACTERS]}
