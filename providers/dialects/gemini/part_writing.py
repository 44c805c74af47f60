"""Parts of a turn, written as parts of a content.

Towards Google a thought is worth its signature alone, which belongs on what followed the thoughts (T9): a call has its own,
or that of a thought before it, or the one that was kept; the first call of a turn without any gets Google's placeholder.
"""

import base64
from collections.abc import Iterable
from typing import Any, Final

from providers.dialects import signatures
from providers.dialects.base import Given, Target
from providers.dialects.canonical import (
    BadRequest,
    Chat,
    Media,
    Opaque,
    Part,
    Refusal,
    Report,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from providers.dialects.gemini import media as media_parts
from providers.dialects.gemini.media import with_rest
from providers.dialects.gemini.parts import NAME, PLACEHOLDER, is_made
from providers.dialects.gemini.results import object_in, object_of

Written = dict[str, Any]


class PartWriter:
    def __init__(self, chat: Chat, target: Target, given: Given, report: Report) -> None:
        self._chat = chat
        self._own = chat.dialect == NAME
        self._target = target
        self._given = given
        self._report = report
        self._names = {part.id: part.name for turn in chat.turns for part in turn.parts if isinstance(part, ToolCall)}

    def written(self, parts: Iterable[Part]) -> list[Written]:
        """Of one turn. Raises BadRequest."""
        result: list[Written] = []
        pending = ""
        called = False
        for part in parts:
            if isinstance(part, ToolCall):
                result.append(self._call(part, pending, first=not called))
                called, pending = True, ""
            elif isinstance(part, Thinking):
                pending = self._thought(part, result, pending)
            elif isinstance(part, Text | Refusal):
                if part.text or self._own:
                    signed = {"thoughtSignature": pending} if pending else {}
                    result.append(self._with_extras({"text": part.text, **signed}, part))
                    pending = ""
            elif isinstance(part, Media):
                result.append(self._with_extras(self._medium(part), part))
            elif isinstance(part, ToolResult):
                result += self._result(part)
            elif part.dialect == NAME:
                result.append(part.content)
            else:
                self._report.drop(part.kind)
        if pending:
            result.append({"text": "", "thoughtSignature": pending})
        return result

    # Thoughts --------------------------------------------------------------------------------------------------------
    def _thought(self, thought: Thinking, result: list[Written], pending: str) -> str:
        """Writes it, as far as it is to be sent back; gives the signature that what follows shall carry."""
        signature = thought.signature
        holds = signatures.holds(signature, NAME, self._target.model.name) and thought.redacted is None
        if not holds and not (self._own and signature is None):
            # Of another model, or not to be proved: it would be refused (T10).
            if thought.text.strip() or signature is not None:
                name = "thinking" if thought.redacted is None else "redacted_thinking"
                self._report.drop(self._chat.name_of(name))
            return pending
        signed = signature.text if signature else ""
        alone = (thought.spelling or {}).get("alone") if self._own else None
        if alone:
            flag = {"thought": True} if alone == "thought" else {}
            result.append(self._with_extras({"text": "", **flag, "thoughtSignature": signed}, thought))
            return pending
        if not thought.text and signed:
            return signed
        written: Written = {"text": thought.text, "thought": True}
        if signed and self._own:
            written["thoughtSignature"] = signed
        result.append(self._with_extras(written, thought))
        return pending if self._own else signed

    def _call(self, call: ToolCall, pending: str, *, first: bool) -> Written:
        content = object_in(call.arguments or "{}")
        if content is None:
            raise BadRequest(
                self._pointer,
                f"The arguments of the call of “{call.name}” are no JSON object; this model takes nothing else.",
            )
        function: Written = {"name": call.name, "args": content}
        if self._own and not content and "args" in (call.spelling or {}):
            del function["args"]
        if tool_id := self._id(call.id):
            function["id"] = tool_id
        written: Written = {"functionCall": function}
        if signature := self._signature(call, pending, first=first):
            written["thoughtSignature"] = signature
        return self._with_extras(written, call)

    def _signature(self, call: ToolCall, pending: str, *, first: bool) -> str:
        model = self._target.model
        if call.signature is not None and signatures.holds(call.signature, NAME, model.name):
            return call.signature.text
        if pending:
            return pending
        text = self._given.signatures.get(call.id)
        kept = signatures.unwrapped(text, NAME) if text else None
        if kept is not None and signatures.holds(kept, NAME, model.name):
            return kept.text
        if call.signature is not None:
            self._report.drop(self._chat.name_of("signature"))
        # Models that think by budget check no more than what is there; a caller of this dialect knows what it leaves out.
        needed = model.thinking != "budget" and (call.signature is not None or not self._own)
        return PLACEHOLDER if first and needed else ""

    # Results ---------------------------------------------------------------------------------------------------------
    def _result(self, result: ToolResult) -> list[Written]:
        """With its media inside where the model takes them there, else after it."""
        name = result.name or self._names.get(result.id, "")
        if not name:
            raise BadRequest(
                self._pointer, f"The result “{result.id}” answers no call that stands before it; send the call too."
            )
        response: Written = {"name": name, "response": object_of(result)}
        if self._own and "response" in (result.spelling or {}):
            del response["response"]
        bare = self._own and "bare" in (result.spelling or {})
        if not bare and (tool_id := self._id(result.id)):
            response["id"] = tool_id
        media = [self._with_extras(self._medium(part), part) for part in result.parts if isinstance(part, Media)]
        for part in result.parts:
            if isinstance(part, Opaque):
                self._report.drop(part.kind)
            elif isinstance(part, Text) and not self._own:
                self._report_extras(part)
        inside = self._own or self._target.model.thinking == "level"
        if media and inside:
            response["parts"] = media
        written = self._with_extras({"functionResponse": response}, result)
        return [written] if inside else [written, *media]

    def _id(self, tool_id: str) -> str:
        """Empty where none is sent: one that was made here, or a provider that takes none."""
        pattern = self._target.profile.tool_id
        return "" if pattern == "none" or is_made(tool_id) else signatures.fitting_id(tool_id, pattern)

    # Media -----------------------------------------------------------------------------------------------------------
    def _medium(self, media: Media) -> Written:
        inputs = self._target.model.inputs
        if inputs and media.kind not in inputs:
            raise BadRequest(
                self._pointer, f"The model “{self._target.model.name}” reads no {media.kind}; leave it out."
            )
        name = media.name
        if media.text is not None:
            data = base64.b64encode(media.text.encode("utf-8", "surrogatepass")).decode()
            return media_parts.written_bytes(media.media_type or "text/plain", data, name)
        if media.data is not None:
            type_ = media.media_type if self._own else media_parts.type_of(media)
            return media_parts.written_bytes(type_, media.data, name)
        if self._own or (media.url and media_parts.is_googles(media.url)):
            return media_parts.written_file(media)
        fetched = self._given.media.get(media.url or "")
        if fetched is None:
            what = "A file that another provider keeps" if media.file_id else "This medium"
            raise BadRequest(self._pointer, f"{what} cannot be read by this model; send its bytes instead.")
        return media_parts.written_bytes(fetched.media_type or media_parts.type_of(media), fetched.data, name)

    # Extras ----------------------------------------------------------------------------------------------------------
    def _with_extras(self, written: Written, part: Part) -> Written:
        if isinstance(part, Opaque):
            return written
        if not self._own:
            self._report_extras(part)
            return written
        return with_rest(with_rest(written, part.spelling, _NOTES), part.extras)

    def _report_extras(self, part: Part) -> None:
        for name in getattr(part, "extras", None) or {}:
            self._report.drop(name)
        if isinstance(part, Media) and part.detail not in {None, "auto"}:
            self._report.drop("detail")

    @property
    def _pointer(self) -> str:
        return f"/{self._chat.name_of('messages')}"


# Of the reader's own in `spelling`, beside the members that it kept.
_NOTES: Final = frozenset({"alone", "args", "bare", "response"})
