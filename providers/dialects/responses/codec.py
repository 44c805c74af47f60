"""The dialect `responses`: OpenAI's Responses API, and all who speak it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from providers.dialects.base import (
    Asked,
    Given,
    Headers,
    ListedModel,
    Meter,
    Outgoing,
    Outline,
    Shown,
    StreamReader,
    StreamWriter,
    Target,
)
from providers.dialects.canonical import Answer, Chat, UpstreamError
from providers.dialects.openai import errors, listing
from providers.dialects.responses import answers, outline, reading, writing
from providers.dialects.responses.content import NAME
from providers.dialects.responses.metering import AnswerMeter, StreamMeter
from providers.dialects.responses.stream_reader import ResponseReader
from providers.dialects.responses.stream_writer import KEEP_ALIVE, ResponseWriter


@dataclass(frozen=True, slots=True)
class Codec:
    name: str = NAME
    keep_alive: bytes = KEEP_ALIVE

    # Callers ---------------------------------------------------------------------------------------------------------
    def outline(self, path: str, body: bytes) -> Outline:  # noqa: ARG002  # the body says it all
        return outline.outline(body)

    def read_request(self, outline: Outline) -> Chat:
        return reading.read_request(outline)

    def write_answer(self, answer: Answer, asked: Asked) -> bytes:
        return answers.write_answer(answer, asked)

    def stream_writer(self, asked: Asked) -> StreamWriter:
        return ResponseWriter(asked)

    def splice(
        self,
        body: bytes,
        outline: Outline,  # noqa: ARG002  # places are found by name
        *,
        model: str | None,
        max_tokens: int | None,
        target: Target,  # noqa: ARG002  # all name the limit alike
    ) -> bytes:
        return _splice(body, model=model, max_tokens=max_tokens)

    def passed_path(self, path: str, outline: Outline, target: Target) -> str:  # noqa: ARG002  # as the caller has it
        return "/" + path.strip("/")

    def answer_meter(self, target: Target) -> Meter:
        return AnswerMeter(target)

    def stream_meter(self, outline: Outline, target: Target) -> Meter:
        return StreamMeter(outline, target)

    def list_models(self, models: Sequence[ListedModel], query: Mapping[str, list[str]]) -> bytes:  # noqa: ARG002  # no pages
        return listing.write_list(models)

    def one_model(self, model: ListedModel) -> bytes:
        return listing.write_model(model)

    def write_count(self, input_tokens: int) -> bytes:
        return answers.write_count(input_tokens)

    def write_error(self, shown: Shown) -> bytes:
        return errors.write(shown)

    def error_headers(self, shown: Shown) -> Headers:
        return errors.headers(shown)

    # Upstreams -------------------------------------------------------------------------------------------------------
    def wanted_media(self, chat: Chat, target: Target) -> list[str]:
        return writing.wanted_media(chat, target)

    def write_request(self, chat: Chat, target: Target, given: Given) -> Outgoing:
        return writing.write_request(chat, target, given)

    def read_answer(self, body: bytes, target: Target) -> Answer:
        return answers.read_answer(body, target)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes, target: Target) -> UpstreamError:
        return errors.read(status, headers, body, target)

    def stream_reader(self, target: Target) -> StreamReader:
        return ResponseReader(target)


_splice: Final = outline.splice
CODEC: Final = Codec()
