"""The list of models, and the answer to a count. Pure: no test here may touch the database."""

import orjson
import pytest
from anthropic.pagination import SyncPage
from anthropic.types import MessageTokensCount, ModelInfo

from providers.dialects.anthropic.codec import CODEC
from providers.dialects.anthropic.model_list import list_models
from providers.dialects.anthropic.native_count import read_count, write_count_request
from providers.dialects.base import Given, ListedModel, UnreadableAnswer
from providers.dialects.canonical import BadRequest
from tests.providers.dialects.anthropic.factories import WEATHER, chat, target

MODELS = [ListedModel(name, "anthropic", 200_000, 64_000, "chat") for name in "abcde"]


@pytest.mark.parametrize(
    ("query", "names", "more"),
    [
        ({}, "abcde", False),
        ({"limit": 2}, "ab", True),
        ({"limit": 2, "after_id": "b"}, "cd", True),
        ({"limit": 2, "after_id": "d"}, "e", False),
        ({"limit": 2, "after_id": "e"}, "", False),
        ({"limit": 2, "before_id": "e"}, "cd", True),
        ({"limit": 5, "before_id": "c"}, "ab", False),
    ],
)
def test_models_are_told_by_pages(query: dict[str, str | int], names: str, more: bool) -> None:  # noqa: FBT001
    page = orjson.loads(list_models(MODELS, **query))  # type: ignore[arg-type]  # the parameters' own types
    by_address = CODEC.list_models(MODELS, {name: [str(value)] for name, value in query.items()})

    assert "".join(model["id"] for model in page["data"]) == names
    assert page["has_more"] is more
    assert (page["first_id"], page["last_id"]) == ((names[0], names[-1]) if names else (None, None))
    assert orjson.loads(by_address) == page


def test_page_parses_in_the_sdk() -> None:
    page = SyncPage[ModelInfo].model_validate_json(list_models(MODELS))
    model = ModelInfo.model_validate_json(CODEC.one_model(MODELS[0]))

    assert page.data[0] == model
    assert (model.id, model.display_name, model.max_input_tokens, model.max_tokens) == ("a", "a", 200_000, 64_000)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": ["0"]}, "/limit"),
        ({"limit": ["1001"]}, "/limit"),
        ({"limit": ["many"]}, "/limit"),
        ({"limit": ["9" * 5000]}, "/limit"),
        ({"after_id": ["x"]}, "/after_id"),
        ({"after_id": ["a"], "before_id": ["b"]}, "/before_id"),
    ],
)
def test_page_that_is_none_is_refused(query: dict[str, list[str]], pointer: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        CODEC.list_models(MODELS, query)

    assert refusal.value.pointer == pointer


def test_t29_count_parses_in_the_sdk() -> None:
    assert MessageTokensCount.model_validate_json(CODEC.write_count(7)).input_tokens == 7


def test_t29_count_is_asked_with_what_is_counted() -> None:
    asked = chat(tools=[WEATHER], max_tokens=None, stream=True, stop=["x"], params={"temperature": 0.5, "user": "u"})

    sent = write_count_request(asked, target(model={"max_output_tokens": None}), Given())
    on_vertex = write_count_request(asked, target(vertex=True), Given())

    assert sent.path == "/v1/messages/count_tokens"
    assert orjson.loads(sent.body).keys() == {"model", "messages", "tools"}
    assert on_vertex.path == "/count-tokens:rawPredict"
    assert orjson.loads(on_vertex.body).keys() == {"model", "anthropic_version", "messages", "tools"}


def test_t29_count_of_anthropic_is_read() -> None:
    assert read_count(b'{"input_tokens": 0}') == 0
    for body in (b"", b"[]", b"{}", b'{"input_tokens": "7"}'):
        with pytest.raises(UnreadableAnswer):
            read_count(body)
