"""Small requests, answers and streams of every dialect, each with a head that says where it is from and what it counts.

`fixtures/{dialect}/{scenario}.{kind}`: lines `# name: value`, an empty line, then the body as it goes over the wire;
JSON stands there pretty-printed, a binary stream as base64.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

FOLDER: Final = Path(__file__).parent / "fixtures"
KINDS: Final = ("request", "answer", "stream")
# Streams that are no text.
BINARY: Final = frozenset({"bedrock"})
SCENARIOS: Final = (
    "text", "system_blocks", "multi_turn", "one_tool", "parallel_tools", "tool_round_trip", "tool_without_arguments",
    "image_bytes", "image_url", "document", "json_schema", "thinking_replay", "stop_length", "stop_sequence",
    "stop_filter", "refusal", "cache_usage", "audio_usage", "error_before", "error_mid_stream", "empty_answer",
)  # fmt: skip

Kind = Literal["request", "answer", "stream"]


@dataclass(frozen=True, slots=True)
class Fixture:
    dialect: str
    scenario: str
    kind: Kind
    head: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.dialect}/{self.scenario}.{self.kind}"

    @property
    def path(self) -> str:
        """Of a request, where the model and the verb stand in it (Gemini)."""
        return self.head.get("path", "")

    @property
    def status(self) -> int:
        return int(self.head.get("status", "200"))

    @property
    def ledger(self) -> dict[str, int] | None:
        """What is not 0, by class; None where the head states none."""
        stated = self.head.get("ledger")
        return None if stated is None else {name: number for name, number in json.loads(stated).items() if number}


def load(dialect: str, kind: Kind | None = None) -> list[Fixture]:
    """In the order of SCENARIOS; others after them by name."""
    found = [each for each in _all(dialect) if kind in {None, each.kind}]
    return sorted(found, key=lambda each: (_place(each.scenario), each.scenario, KINDS.index(each.kind)))


def one(dialect: str, scenario: str, kind: Kind) -> Fixture:
    return _read(FOLDER / dialect / f"{scenario}.{kind}")


def _all(dialect: str) -> Iterator[Fixture]:
    for path in sorted((FOLDER / dialect).glob("*.*")):
        if path.suffix[1:] in KINDS:
            yield _read(path)


def _read(path: Path) -> Fixture:
    head, _, body = path.read_bytes().partition(b"\n\n")
    stated = dict(line.removeprefix("#").strip().split(": ", 1) for line in head.decode().splitlines())
    dialect, kind = path.parent.name, path.suffix[1:]
    assert kind in KINDS, path
    if kind == "stream" and dialect in BINARY:
        body = base64.b64decode(body)
    return Fixture(dialect, path.stem, kind, stated, body)  # type: ignore[arg-type]  # asserted above


def _place(scenario: str) -> int:
    return SCENARIOS.index(scenario) if scenario in SCENARIOS else len(SCENARIOS)
