"""Three ledgers of the same calls: the upstream's journal, the client's answers, and ours. Differences are listed, never netted."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.gateway.client import Answer

Books = dict[str, Any]
# Of calls that never reached an upstream, or may not have.
_UNSEEN = {"not_sent", "gateway_lost", "refused"}


def violations(books: Books, upstream: Iterable[str], answers: Iterable[Answer] = ()) -> list[str]:
    """After the calm: everything is shipped, and what was lent is back. Empty when the three agree."""
    rows = {call["id"]: call for call in books["calls"]}
    return [
        *_upstream(rows, list(upstream)),
        *_client(rows, list(answers)),
        *_allowances(books),
        *(f"dead letter: {reason}" for reason in books["dead_letters"]),
    ]


def _upstream(rows: dict[str, Any], seen: list[str]) -> list[str]:
    found = [f"{call} came {count} times to the upstream" for call, count in Counter(seen).items() if count > 1]
    reached = {call.rpartition(".")[0] for call in seen}
    found += [f"{call} reached the upstream and has no row" for call in reached - rows.keys()]
    for call, row in rows.items():
        if call in reached and row["outcome"] in {"not_sent", "refused"}:
            found.append(f"{call} reached the upstream and is booked as {row['outcome']}")
        if call not in reached and row["outcome"] not in _UNSEEN:
            found.append(f"{call} is booked as {row['outcome']} and never reached the upstream")
    return found


def _client(rows: dict[str, Any], answers: list[Answer]) -> list[str]:
    found = []
    for answer in answers:
        row = rows.get(answer.request_id)
        if row is None:
            found.append(f"{answer.request_id} was answered {answer.status} and has no row")
        elif row["status"] != answer.status and row["outcome"] != "gateway_lost":
            # A worker killed between the last byte and the record of it cannot know that all went well.
            found.append(f"{answer.request_id} was answered {answer.status} and is booked as {row['status']}")
    return found


def _allowances(books: Books) -> list[str]:
    found = []
    charged: Counter[int] = Counter()
    for call in books["calls"]:
        for allowance, units, _ in call["charges"]:
            charged[allowance] += units
    for row in books["allowances"]:
        name = f"allowance {row['id']} ({row['meter']})"
        if row["used"] != charged[row["id"]]:
            found.append(f"{name}: {row['used']} used, {charged[row['id']]} charged by calls")
        if row["leased"] != row["lent"]:
            found.append(f"{name}: {row['leased']} leased, {row['lent']} with workers")
        if row["leased"]:
            found.append(f"{name}: {row['leased']} still leased")
        if row["limit"] is not None and row["used"] + row["leased"] > row["limit"]:
            found.append(f"{name}: {row['used']} used of {row['limit']}")
        if row["meter"] in {"calls", "bytes"} and row["overrun"]:
            found.append(f"{name}: {row['overrun']} beyond the limit")
    return found
