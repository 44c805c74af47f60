"""The dialect `anthropic`: Messages, of Anthropic itself, on Vertex, and of other vendors that speak it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from providers.dialects.anthropic import answers, counting, errors, media, model_list, reading, splicing, writing
from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.anthropic.event_bytes import PING
from providers.dialects.anthropic.metering import AnswerMeter, StreamMeter
from providers.dialects.anthropic.stream_reader import StreamReader
from providers.dialects.anthropic.stream_writer import StreamWriter
from providers.dialects.base import Asked, Given, Headers, ListedModel, Meter, Outgoing, Outline, Shown, Target
from providers.dialects.canonical import Answer, Chat, UpstreamError


@dataclass(frozen=True, slots=True)
class Codec:
    name: str = DIALECT
    keep_alive: bytes = PING

    # Callers ---------------------------------------------------------------------------------------------------------
    def outline(self, path: str, body: bytes) -> Outline:
        return reading.outline(path, body)

    def read_request(self, outline: Outline) -> Chat:
        return reading.read_request(outline)

    def write_answer(self, answer: Answer, asked: Asked) -> bytes:
        return answers.write_answer(answer, asked)

    def stream_writer(self, asked: Asked) -> StreamWriter:
        return StreamWriter(asked)

    def splice(
        self, body: bytes, outline: Outline, *, model: str | None, max_tokens: int | None, target: Target
    ) -> bytes:
        return splicing.splice(body, outline, model, max_tokens, target)

    def passed_path(self, path: str, outline: Outline, target: Target) -> str:
        return splicing.passed_path(path, outline, target)

    def answer_meter(self, target: Target) -> Meter:
        return AnswerMeter(target)

    def stream_meter(self, outline: Outline, target: Target) -> Meter:
        return StreamMeter(outline, target)

    def list_models(self, models: Sequence[ListedModel], query: Mapping[str, list[str]]) -> bytes:
        return model_list.list_models_for(models, query)

    def one_model(self, model: ListedModel) -> bytes:
        return model_list.write_model(model)

    def write_count(self, input_tokens: int) -> bytes:
        return counting.write_count(input_tokens)

    def write_error(self, shown: Shown) -> bytes:
        return errors.write_error(shown)

    def error_headers(self, shown: Shown) -> Headers:
        return errors.error_headers(shown)

    # Upstreams -------------------------------------------------------------------------------------------------------
    def wanted_media(self, chat: Chat, target: Target) -> list[str]:
        return media.wanted_urls(chat, target)

    def write_request(self, chat: Chat, target: Target, given: Given) -> Outgoing:
        return writing.write_request(chat, target, given)

    def read_answer(self, body: bytes, target: Target) -> Answer:
        return answers.read_answer(body, target)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes, target: Target) -> UpstreamError:
        return errors.read_error(status, headers, body, target)

    def stream_reader(self, target: Target) -> StreamReader:
        return StreamReader(target)


CODEC: Final = Codec()
