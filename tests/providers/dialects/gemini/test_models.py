"""Lists of models and counts of tokens. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest
from google.genai import types

from providers.dialects.base import Given, ListedModel, UnreadableAnswer
from providers.dialects.canonical import BadRequest, Text, Turn
from providers.dialects.gemini import counting, model_list
from providers.dialects.gemini.codec import CODEC
from tests.providers.dialects.gemini.factories import MODEL, a_chat, a_target, asking, read, vertex

MODELS = [ListedModel(name, "Somebody", 1_000_000, 65_536, "chat") for name in ("a", "meta/llama:free", "z")]


def _page(**query: str) -> tuple[list[str], str | None]:
    content = orjson.loads(CODEC.list_models(MODELS, {name: [value] for name, value in query.items()}))
    return [model["name"] for model in content["models"]], content.get("nextPageToken")


def test_t33_models_are_listed_with_their_limits_and_methods() -> None:
    (model,) = orjson.loads(CODEC.list_models(MODELS[:1], {}))["models"]

    assert model == {
        "name": "models/a",
        "displayName": "a",
        "inputTokenLimit": 1_000_000,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    }
    assert model == orjson.loads(CODEC.one_model(MODELS[0]))


@pytest.mark.parametrize(("kind", "methods"), [("embedding", ["embedContent", "batchEmbedContents"]), ("image", [])])
def test_models_of_other_kinds_have_other_methods(kind: str, methods: list[str]) -> None:
    model = orjson.loads(CODEC.one_model(ListedModel("e", "Somebody", None, None, kind)))

    assert model == {"name": "models/e", "displayName": "e", "supportedGenerationMethods": methods}


def test_pages_follow_each_other_to_the_end() -> None:
    first, token = _page(pageSize="2")
    assert first == ["models/a", "models/meta/llama:free"]
    assert token is not None

    assert _page(pageSize="2", pageToken=token) == (["models/z"], None)
    assert _page(pageSize="3")[1] is None
    assert _page(pageSize="0") == _page(pageSize="5000") == _page()


@pytest.mark.parametrize(
    "query",
    [{"pageSize": "x"}, {"pageSize": "-1"}, {"pageSize": "9" * 5000}, {"pageToken": "eA=="}, {"pageToken": "ä"}],
)
def test_nonsense_in_the_query_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadRequest) as raised:
        _page(**query)

    assert raised.value.pointer == f"/{next(iter(query))}"


def test_list_is_empty_where_nothing_may_be_called() -> None:
    assert CODEC.list_models([], {}) == b'{"models":[]}'


def test_googles_own_list_is_read() -> None:
    body = b'{"models":[{"name":"models/gemini-3-pro","inputTokenLimit":5}],"nextPageToken":"t"}'

    assert model_list.read_models(body) == ([{"name": MODEL, "inputTokenLimit": 5}], "t")


def test_vertex_list_is_read() -> None:
    body = b'{"publisherModels":[{"name":"publishers/google/models/gemini-3-pro"}]}'

    assert model_list.read_models(body) == ([{"name": MODEL}], "")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"error":{}}', b'{"models":[{}]}', b'{"models":[1]}', b'{"models":5}'])
def test_what_is_no_list_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        model_list.read_models(body)


# Counting ------------------------------------------------------------------------------------------------------------
def test_t29_google_is_asked_with_the_whole_request() -> None:
    chat = a_chat(Turn("system", [Text("Be brief.")]), Turn("user", [Text("Hello")]))

    outgoing = counting.write_count_request(chat, a_target(), Given())

    assert outgoing.path == f"/models/{MODEL}:countTokens"
    assert orjson.loads(outgoing.body) == {
        "generateContentRequest": {
            "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "model": f"models/{MODEL}",
        }
    }


def test_t29_vertex_is_asked_with_the_request_as_it_is() -> None:
    target = a_target(profile=vertex("https://eu-aiplatform.example/v1/projects/p/locations/l"))

    outgoing = counting.write_count_request(read(asking()), target, Given())

    assert outgoing.path == f"/publishers/google/models/{MODEL}:countTokens"
    assert orjson.loads(outgoing.body) == asking()


@pytest.mark.parametrize(("body", "number"), [(b'{"totalTokens":13,"cachedContentTokenCount":2}', 13), (b"{}", 0)])
def test_count_is_read(body: bytes, number: int) -> None:
    assert counting.read_count(body) == number


@pytest.mark.parametrize("body", [b"", b"[]", b'{"totalTokens":"x"}', b'{"error":{"code":400}}'])
def test_what_is_no_count_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        counting.read_count(body)


def test_count_is_told_to_callers() -> None:
    told: Any = orjson.loads(CODEC.write_count(13))

    assert told == {"totalTokens": 13, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 13}]}
    assert types.CountTokensResponse(total_tokens=told["totalTokens"]).total_tokens == 13
