"""What pass-through knows of a request, and what it changes. Pure: no test here may touch the database."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.base import Outline, Target
from providers.dialects.bodies import MOST_NESTED
from providers.dialects.canonical import BadRequest
from providers.dialects.openai.codec import CODEC
from providers.dialects.profile import ModelFacts, Profile

CHAT: Final[dict[str, Any]] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
TARGET: Final = Target(Profile("custom", "Custom"), ModelFacts("m"))


def outline(path: str = "chat/completions", **changes: Any) -> Outline:
    return CODEC.outline(path, json.dumps(CHAT | changes).encode())


def embeddings(**changes: Any) -> Outline:
    return CODEC.outline("embeddings", json.dumps({"model": "m", "input": "hello"} | changes).encode())


def completions(**changes: Any) -> Outline:
    return CODEC.outline("completions", json.dumps({"model": "m", "prompt": "hello"} | changes).encode())


# Outlines ------------------------------------------------------------------------------------------------------------
def test_request_is_outlined() -> None:
    asked = outline(stream=True, stream_options={"include_usage": True}, max_tokens=7, n=2)

    assert (asked.model, asked.stream, asked.include_usage, asked.max_tokens, asked.n) == ("m", True, True, 7, 2)


def test_request_that_says_little_has_defaults() -> None:
    asked = outline()

    assert (asked.stream, asked.include_usage, asked.max_tokens, asked.n) == (False, False, None, 1)
    assert asked.input_bound >= len(json.dumps(CHAT))
    assert 0 < asked.input_expected < asked.input_bound


def test_newer_limit_wins_over_the_older() -> None:
    assert outline(max_completion_tokens=3, max_tokens=9).max_tokens == 3


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"model": None}, "/model"),
        ({"model": ""}, "/model"),
        ({"model": 3}, "/model"),
        ({"model": ["m"]}, "/model"),
        ({"messages": None}, "/messages"),
        ({"messages": []}, "/messages"),
        ({"messages": {}}, "/messages"),
        ({"messages": "hello"}, "/messages"),
        ({"messages": ["hello"]}, "/messages/0"),
        ({"messages": [{}, None]}, "/messages/1"),
        ({"stream": "yes"}, "/stream"),
        ({"stream": 1}, "/stream"),
        ({"stream": True, "stream_options": []}, "/stream_options"),
        ({"max_tokens": 0}, "/max_tokens"),
        ({"max_tokens": -1}, "/max_tokens"),
        ({"max_tokens": 1.5}, "/max_tokens"),
        ({"max_tokens": True}, "/max_tokens"),
        ({"max_tokens": "9"}, "/max_tokens"),
        ({"max_tokens": 2**60}, "/max_tokens"),
        ({"max_completion_tokens": []}, "/max_completion_tokens"),
        ({"n": 0}, "/n"),
        ({"n": "2"}, "/n"),
    ],
)
def test_bad_value_names_its_field(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadRequest) as caught:
        outline(**changes)

    assert caught.value.pointer == pointer


@pytest.mark.parametrize("body", [b"", b"{", b"nope", b"\xff", b"[]", b"3", b'"x"', b"null", b"{'model': 1}"])
def test_body_that_is_no_object_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        CODEC.outline("chat/completions", body)

    assert caught.value.pointer == ""


@pytest.mark.parametrize(
    "doubled",
    [
        b'{"model":"a","model":"b","messages":[{}]}',
        b'{"model":"a","messages":[{}],"mo\\u0064el":"b"}',
        b'{"messages":[{"model":"x"}],"model":"a", "model" : "b"}',
    ],
)
def test_name_that_stands_there_twice_is_refused(doubled: bytes) -> None:
    """The upstream may take the other one."""
    with pytest.raises(BadRequest) as caught:
        CODEC.outline("chat/completions", doubled)

    assert caught.value.pointer == "/model"


def test_same_name_deeper_down_or_in_a_text_is_no_double() -> None:
    body = b'{"model":"a","messages":[{"content":"\\"model\\":1 {","model":"x"}]}'

    assert CODEC.outline("chat/completions", body).model == "a"


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_depth_is_bounded(opening: str, closing: str) -> None:
    # The body, its messages and the message are three levels.
    fits, deeper = (opening * (MOST_NESTED - 3 + more) + "1" + closing * (MOST_NESTED - 3 + more) for more in (0, 1))

    assert CODEC.outline("chat/completions", f'{{"model":"m","messages":[{{"x":{fits}}}]}}'.encode()).model == "m"
    with pytest.raises(BadRequest, match="levels deep"):
        CODEC.outline("chat/completions", f'{{"model":"m","messages":[{{"x":{deeper}}}]}}'.encode())


def test_t35_files_kept_at_a_provider_are_named() -> None:
    piece = {"type": "file", "file": {"file_id": "file-1"}}
    messages = [{"role": "user", "content": 'the "file_id"'}, {"role": "user", "content": [piece, {"file": 3}, "x"]}]

    assert outline(messages=messages).kept_ids == ("file-1",)
    assert outline().kept_ids == ()


# Embeddings and the completions of old -------------------------------------------------------------------------------
@pytest.mark.parametrize("given_input", [None, [], {}, 1.5, [None], [{}], ["a", 1.5]])
def test_bad_input_of_embeddings_names_its_field(given_input: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        embeddings(input=given_input)

    assert caught.value.pointer == "/input"


@pytest.mark.parametrize(("given_input", "bound"), [("héllo", 6), (["a", "bc"], 3), ([1, 2, 3], 3), ([[1, 2], [3]], 3)])
def test_embeddings_are_bounded_by_bytes_or_tokens(given_input: Any, bound: int) -> None:
    assert embeddings(input=given_input).input_bound == bound


@pytest.mark.parametrize(
    ("changes", "bound", "answers"),
    [
        ({}, 5, 1),
        ({"n": 2}, 5, 2),
        ({"prompt": ["a", "bc"], "n": 2}, 3, 4),
        ({"prompt": [1, 2, 3]}, 3, 1),
        ({"prompt": [[1, 2], [3]], "best_of": 3}, 3, 6),
    ],
)
def test_completions_are_answered_for_each_prompt(changes: dict[str, Any], bound: int, answers: int) -> None:
    asked = completions(**changes, max_tokens=9, stream=True)

    assert (asked.input_bound, asked.n, asked.max_tokens, asked.stream) == (bound, answers, 9, True)


@pytest.mark.parametrize("prompt", [None, [], {}, 3, [None]])
def test_completion_without_a_prompt_is_refused(prompt: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        completions(prompt=prompt)

    assert caught.value.pointer == "/prompt"


# Splices -------------------------------------------------------------------------------------------------------------
SPACED: Final = (
    b'{ "messages" : [ {"model": "no", "content": "\\u00e9, \\"model\\": {"} ] ,\n "model" :  "alias" , "x":1.0 }'
)


def splice(body: bytes, *, model: str | None = None, max_tokens: int | None = None, **flags: Any) -> bytes:
    target = Target(Profile("custom", "Custom", **flags), ModelFacts("m"))
    return CODEC.splice(
        body, CODEC.outline("chat/completions", body), model=model, max_tokens=max_tokens, target=target
    )


def test_t30_splice_changes_one_place_and_no_other_byte() -> None:
    assert splice(SPACED, model="real") == SPACED.replace(b'"alias"', b'"real"')


def test_splice_of_nothing_is_the_same_body() -> None:
    assert splice(SPACED) is SPACED


def test_splice_adds_what_is_missing() -> None:
    spliced = splice(SPACED, max_tokens=9, max_tokens_field="max_completion_tokens")

    assert json.loads(spliced) == json.loads(SPACED) | {"max_completion_tokens": 9}
    assert spliced.endswith(SPACED[1:])


def test_t12_usage_of_a_stream_is_always_asked_for() -> None:
    silent, asking = (json.dumps(CHAT | {"stream": True} | more).encode() for more in _OPTIONS)

    assert json.loads(splice(silent))["stream_options"] == {"include_usage": True}
    assert json.loads(splice(asking))["stream_options"] == {"include_usage": True, "other": 1}
    assert splice(silent, stream_options=False) is silent


_OPTIONS: Final[list[dict[str, Any]]] = [{}, {"stream_options": {"include_usage": False, "other": 1}}]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_limit_is_changed_where_the_caller_has_it(name: str) -> None:
    """Two limits are refused by OpenAI."""
    body = json.dumps(CHAT | {name: 100}).encode()

    assert json.loads(splice(body, max_tokens=9)) == CHAT | {name: 9}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("model"), inner, max_size=3),
    max_leaves=8,
)


# What the outline itself reads: refused where it is none (a list as `n`), which other tests say.
_READ: Final = {"n", "max_tokens", "max_completion_tokens", "stream_options"}


@given(
    st.dictionaries(st.text().filter(lambda name: name not in _READ), _JSON, max_size=4),
    st.text(min_size=1),
    st.integers(1, 99),
    st.booleans(),
)
def test_splice_says_what_was_asked_whatever_the_body(
    others: dict[str, Any],
    model: str,
    limit: int,
    escaped: bool,  # noqa: FBT001
) -> None:
    content = {**others, "messages": [{"x": others}], "stream": True, "model": "alias"}
    body = json.dumps(content, ensure_ascii=escaped).encode("utf-8", "replace")
    expected = json.loads(body)

    spliced = splice(body, model=model, max_tokens=limit)

    asked_for = {"model": model, "max_tokens": limit, "stream_options": {"include_usage": True}}
    assert json.loads(spliced) == expected | asked_for


def test_name_spelt_with_escapes_is_found() -> None:
    body = b'{"mo\\u0064el":"alias","messages":[{"model":"alias"}]}'

    assert json.loads(splice(body, model="real")) == {"model": "real", "messages": [{"model": "alias"}]}
