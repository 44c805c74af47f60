"""Lists of models, theirs and ours. Pure."""

import json
from typing import Final

import pytest

from providers.dialects.base import ListedModel
from providers.dialects.openai.codec import CODEC
from providers.dialects.openai.listing import model_names

MODEL: Final = ListedModel("gpt", "OpenAI", 128_000, 4_096, "chat")


def test_models_are_named_in_their_order() -> None:
    assert model_names(b'{"object":"list","data":[{"id":"b"},{"id":"a","x":1}]}') == ["b", "a"]
    assert model_names(b'{"data":[]}') == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"data":{}}', b'{"data":["a"]}', b'{"data":[{"id":""}]}'])
def test_what_is_no_list_of_models_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        model_names(body)


def test_own_models_are_listed_as_openai_does() -> None:
    shown = {"id": "gpt", "object": "model", "created": 0, "owned_by": "OpenAI"}

    assert json.loads(CODEC.list_models([MODEL], {})) == {"object": "list", "data": [shown]}
    assert json.loads(CODEC.one_model(MODEL)) == shown
    assert model_names(CODEC.list_models([MODEL, MODEL], {})) == ["gpt", "gpt"]


def test_caller_s_path_is_the_providers() -> None:
    outline = CODEC.outline("embeddings", b'{"model":"m","input":"x"}')

    assert CODEC.passed_path("embeddings", outline, None) == "/embeddings"  # type: ignore[arg-type]  # it looks at none
