"""Events, as a stream of Messages.

One block is open at a time (T14). A text that another part cuts off goes on in a further block; a call cannot, so parts that
begin while a call is open wait until it is whole. message_start carries our own estimate of the input, message_delta the
true totals (T13).
"""

from typing import Any, Final

import orjson

from providers.dialects.anthropic.answers import UNSIGNED, blocks_of, usage_view
from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.anthropic.errors import error_event
from providers.dialects.anthropic.event_bytes import PING, event_bytes, message_start
from providers.dialects.anthropic.stops import stop_word
from providers.dialects.anthropic.turns import carried
from providers.dialects.base import Asked, Shown
from providers.dialects.canonical import (
    Annotated,
    Delta,
    End,
    Event,
    Failed,
    PartEnd,
    PartStart,
    PartWhole,
    Ping,
    Signed,
    Start,
    Stop,
    Stopped,
    Thinking,
    ToolCall,
    UsageSeen,
)
from providers.dialects.signatures import wrapped
from providers.dialects.usage import Usage

# Of the type of delta and the member that hold more of a part.
_PIECES: Final = {
    "text": ("text_delta", "text"),
    "refusal": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool": ("input_json_delta", "partial_json"),
}
# Letters of a token, where nobody reports any.
_PER_TOKEN: Final = 3

Part = PartStart | Delta | Signed | Annotated | PartEnd | PartWhole


class StreamWriter:
    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._started = self._ended = False
        self._place = -1
        self._open: PartStart | None = None
        self._prefix = b""
        self._signed = False
        # Arguments of the open call, and whether those of any call were no JSON object.
        self._arguments: list[str] = []
        self._broken = False
        self._calls = 0
        # Parts by key: texts whose block was cut off, what waits for its turn, and choices that nobody sees here.
        self._cut_off: dict[int, PartStart] = {}
        self._waiting: dict[int, list[Part]] = {}
        self._unseen: set[int] = set()
        self._proof: Signed | None = None
        self._seen = 0
        self._usage: Usage | None = None
        self._stop = Stop("stop")

    def write(self, event: Event) -> bytes:
        if self._ended or isinstance(event, Failed):
            return b""
        if isinstance(event, Delta) and self._open is not None and event.key == self._open.key:
            return self._delta(event)
        if isinstance(event, Ping):
            return PING
        begun = self._begin()
        if isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Stopped):
            self._stop = event.stop if event.choice == 0 else self._stop
        elif isinstance(event, End):
            return begun + self._finish()
        elif not isinstance(event, Start):
            return begun + self._part(event) + self._waited()
        return begun

    def stop_at_cap(self, problem: dict[str, Any], usage: Usage) -> bytes:
        if self._ended:
            return b""
        begun = self._begin()
        self._usage, self._stop = usage, Stop("length")
        return begun + self._finish(problem)

    def error(self, shown: Shown) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return error_event(shown)

    # The message -----------------------------------------------------------------------------------------------------
    def _begin(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        return message_start(self._asked.model, self._asked.id, self._asked.input_estimate)

    def _finish(self, problem: dict[str, Any] | None = None) -> bytes:
        closed = self._close()
        while self._waiting:
            closed += self._waited() + self._close()
        self._ended = True
        if self._broken and self._stop.reason != "length":
            message = "The model gave a tool arguments that are no JSON object."
            return closed + error_event(Shown(502, "upstream-failed", message))
        delta = {
            "stop_reason": stop_word(self._stop, tools=self._calls > 0),
            "stop_sequence": self._stop.sequence,
        }
        more = {} if problem is None else {"problem": problem}
        return (
            closed
            + event_bytes("message_delta", delta=delta, usage=self._totals(), **more)
            + event_bytes("message_stop")
        )

    def _totals(self) -> dict[str, Any]:
        if self._usage is not None:
            return usage_view(self._usage)
        return {
            "input_tokens": max(1, self._asked.input_estimate),
            "output_tokens": max(1, self._seen // _PER_TOKEN),
        }

    # Parts -----------------------------------------------------------------------------------------------------------
    def _part(self, event: Part) -> bytes:
        key = event.key
        if isinstance(event, PartStart | PartWhole) and event.choice != 0:
            self._unseen.add(key)
        if key in self._unseen:
            return b""
        if self._open is not None and self._open.key == key:
            return self._in_open(event)
        if key in self._waiting or (self._open is not None and self._open.kind == "tool"):
            waiting = self._waiting.setdefault(key, [self._cut_off[key]] if key in self._cut_off else [])
            waiting.append(event)
            return b""
        return self._elsewhere(event)

    def _elsewhere(self, event: Part) -> bytes:
        """Of a part that is not open, while no call is."""
        if isinstance(event, PartStart):
            return self._close(cut_off=True) + self._start(event)
        if isinstance(event, PartWhole):
            return self._close(cut_off=True) + b"".join(self._whole(block) for block in blocks_of(event.part))
        started = self._cut_off.get(event.key)
        if started is None:
            return b""
        if isinstance(event, PartEnd):
            del self._cut_off[event.key]
            return b""
        return self._close(cut_off=True) + self._start(started) + self._in_open(event)

    def _in_open(self, event: Part) -> bytes:
        if isinstance(event, Delta):
            return self._delta(event)
        if isinstance(event, PartEnd):
            self._cut_off.pop(event.key, None)
            return self._close()
        if isinstance(event, Signed):
            return self._sign(event)
        if isinstance(event, Annotated) and event.dialect == DIALECT:
            return self._piece({"type": "citations_delta", "citation": event.content})
        return b""

    def _waited(self) -> bytes:
        """What may be written now of the parts that waited, in their order."""
        written = []
        while self._waiting and (self._open is None or self._open.kind != "tool"):
            key = next(iter(self._waiting))
            written += [self._part(event) for event in self._waiting.pop(key)]
        return b"".join(written)

    # Blocks ----------------------------------------------------------------------------------------------------------
    def _start(self, part: PartStart) -> bytes:
        self._open = part
        self._place += 1
        self._signed = False
        kind, member = _PIECES[part.kind]
        self._prefix = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'
            % (self._place, kind.encode(), member.encode())
        )
        if part.kind == "tool":
            self._calls += 1
            self._arguments = []
            block: dict[str, Any] = {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
        elif part.kind == "thinking":
            block = {"type": "thinking", "thinking": "", "signature": ""}
        else:
            block = {"type": "text", "text": ""}
        return event_bytes("content_block_start", index=self._place, content_block=block)

    def _delta(self, event: Delta) -> bytes:
        text = event.text
        if not text:
            return b""
        self._seen += len(text)
        self._arguments.append(text)
        return self._prefix + orjson.dumps(text) + b"}}\n\n"

    def _sign(self, event: Signed) -> bytes:
        if self._open is not None and self._open.kind == "tool":
            self._proof = event
            return b""
        self._signed = True
        return self._piece({"type": "signature_delta", "signature": wrapped(event.signature, DIALECT)})

    def _piece(self, delta: dict[str, Any]) -> bytes:
        return event_bytes("content_block_delta", index=self._place, delta=delta)

    def _close(self, *, cut_off: bool = False) -> bytes:
        """`cut_off`: more of the part may come."""
        part, self._open = self._open, None
        if part is None:
            return b""
        if cut_off:
            self._cut_off[part.key] = part
        unsigned = part.kind == "thinking" and not self._signed
        signature = (
            self._piece({"type": "signature_delta", "signature": wrapped(UNSIGNED, DIALECT)}) if unsigned else b""
        )
        ended = signature + event_bytes("content_block_stop", index=self._place)
        return ended + self._after_call(part) if part.kind == "tool" else ended

    def _after_call(self, part: PartStart) -> bytes:
        arguments = "".join(self._arguments)
        self._broken = self._broken or not _is_object(arguments)
        proof, self._proof = self._proof, None
        if proof is None or proof.signature.dialect == DIALECT:
            return b""
        thinking: Thinking = carried(ToolCall(part.id, part.name, signature=proof.signature))
        return b"".join(self._whole(block) for block in blocks_of(thinking))

    def _whole(self, block: dict[str, Any]) -> bytes:
        self._place += 1
        started = event_bytes("content_block_start", index=self._place, content_block=block)
        return started + event_bytes("content_block_stop", index=self._place)


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(orjson.loads(arguments.strip() or "{}"), dict)
    except orjson.JSONDecodeError:
        return False
