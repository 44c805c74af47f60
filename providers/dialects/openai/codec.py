"""OpenAI's chat completions, which most providers and callers speak: the codec, both halves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from providers.dialects.base import Asked, Given, Headers, ListedModel, Meter, Outgoing, Outline, Shown, Target
from providers.dialects.canonical import Answer, Chat, Media, ToolResult, UpstreamError
from providers.dialects.openai import answers, errors, listing, outlines, reading, writing
from providers.dialects.openai.letter import NAME
from providers.dialects.openai.metering import AnswerMeter, StreamMeter
from providers.dialects.openai.stream_reader import StreamReader
from providers.dialects.openai.stream_writer import KEEP_ALIVE, StreamWriter
from providers.dialects.profile import Profile


@dataclass(frozen=True)
class Codec:
    name: str = NAME
    keep_alive: bytes = KEEP_ALIVE

    # Callers ---------------------------------------------------------------------------------------------------------
    def outline(self, path: str, body: bytes) -> Outline:
        return outlines.outline(path, body)

    def read_request(self, outline: Outline) -> Chat:
        return reading.read(outline)

    def write_answer(self, answer: Answer, asked: Asked) -> bytes:
        return answers.write(answer, asked)

    def stream_writer(self, asked: Asked) -> StreamWriter:
        return StreamWriter(asked)

    def splice(
        self, body: bytes, outline: Outline, *, model: str | None, max_tokens: int | None, target: Target
    ) -> bytes:
        return outlines.splice(body, outline, model=model, max_tokens=max_tokens, target=target)

    def passed_path(self, path: str, outline: Outline, target: Target) -> str:  # noqa: ARG002 (as the caller has it)
        return "/" + path.strip("/")

    def answer_meter(self, target: Target) -> Meter:
        return AnswerMeter(target)

    def stream_meter(self, outline: Outline, target: Target) -> Meter:
        return StreamMeter(outline, target)

    def list_models(self, models: Sequence[ListedModel], query: Mapping[str, list[str]]) -> bytes:  # noqa: ARG002 (no pages)
        return listing.write_list(models)

    def one_model(self, model: ListedModel) -> bytes:
        return listing.write_model(model)

    def write_count(self, input_tokens: int) -> bytes:  # noqa: ARG002 (this dialect counts nothing beforehand)
        return b""

    def write_error(self, shown: Shown) -> bytes:
        return errors.write(shown)

    def error_headers(self, shown: Shown) -> Headers:
        return errors.headers(shown)

    # Upstreams -------------------------------------------------------------------------------------------------------
    def wanted_media(self, chat: Chat, target: Target) -> list[str]:
        parts = [part for turn in chat.turns for part in turn.parts]
        parts += [part for result in parts if isinstance(result, ToolResult) for part in result.parts]
        wanted = [
            part.url
            for part in parts
            if isinstance(part, Media) and part.url and not _takes_address(part, target.profile)
        ]
        return list(dict.fromkeys(wanted))

    def write_request(self, chat: Chat, target: Target, given: Given) -> Outgoing:
        return writing.write(chat, target, given)

    def read_answer(self, body: bytes, target: Target) -> Answer:
        return answers.read(body, target)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes, target: Target) -> UpstreamError:
        return errors.read(status, headers, body, target)

    def stream_reader(self, target: Target) -> StreamReader:
        return StreamReader(target)


def _takes_address(media: Media, profile: Profile) -> bool:
    if media.kind == "audio":
        return False
    if media.kind == "document":
        return profile.document_part == "document_url"
    return profile.media_urls


CODEC: Final = Codec()
