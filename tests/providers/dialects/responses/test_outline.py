"""What the gateway has to know of a request, and the places it changes. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest

from providers.dialects.canonical import BadRequest
from providers.dialects.responses.codec import CODEC
from tests.providers.dialects.responses.factories import DATA, body, target


def test_outline_says_what_is_asked_for() -> None:
    outline = CODEC.outline("responses", body(max_output_tokens=50, stream=True))

    assert (outline.model, outline.stream, outline.max_tokens, outline.n) == ("gpt", True, 50, 1)
    assert outline.input_expected < outline.input_bound


def test_outline_counts_an_image_by_what_it_is_and_not_by_its_bytes() -> None:
    def expected(data: str) -> int:
        piece = {"type": "input_image", "image_url": f"data:image/png;base64,{data}"}
        return CODEC.outline("responses", body(input=[{"role": "user", "content": [piece]}])).input_expected

    assert expected(DATA) == expected(DATA * 10_000) > 2_000


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"model": ...}, "/model"),
        ({"model": 7}, "/model"),
        ({"input": ...}, "/input"),
        ({"input": 7}, "/input"),
        ({"stream": "yes"}, "/stream"),
        ({"max_output_tokens": 0}, "/max_output_tokens"),
        ({"max_output_tokens": 1.5}, "/max_output_tokens"),
    ],
)
def test_outline_refuses_what_it_needs_otherwise(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadRequest) as refused:
        CODEC.outline("responses", body(**changes))

    assert refused.value.pointer == pointer
    assert refused.value.message


def test_outline_needs_no_input_beside_what_the_provider_keeps() -> None:
    assert CODEC.outline("responses", body(input=..., previous_response_id="resp_1")).model == "gpt"


def test_outline_names_what_the_provider_keeps_for_a_team() -> None:
    kept = CODEC.outline(
        "responses",
        body(
            previous_response_id="resp_1",
            conversation={"id": "conv_1"},
            input=[
                {"id": "msg_1"},
                {"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]},
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [{"type": "input_image", "file_id": "file_2"}],
                },
            ],
            tools=[
                {"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]},
                {"type": "function", "name": "f", "parameters": {"properties": {}, "example": {"file_id": "no"}}},
            ],
        ),
    ).kept_ids

    assert kept == ("resp_1", "conv_1", "msg_1", "file_1", "file_2", "vs_1", "vs_2")


def test_t30_splice_changes_its_places_and_no_other_byte() -> None:
    sent = b'{ "model" : "alias",\n "input":"Hi \\u00e9", "store":false}'
    outline = CODEC.outline("responses", sent)

    assert CODEC.splice(sent, outline, model=None, max_tokens=None, target=target()) == sent
    assert CODEC.splice(sent, outline, model="gpt", max_tokens=None, target=target()) == sent.replace(b"alias", b"gpt")
    limited = CODEC.splice(sent, outline, model=None, max_tokens=9, target=target())
    assert orjson.loads(limited) == orjson.loads(sent) | {"max_output_tokens": 9}
    assert b'"input":"Hi \\u00e9"' in limited


def test_what_is_passed_through_goes_where_the_caller_sent_it() -> None:
    assert CODEC.passed_path("responses", CODEC.outline("responses", body()), target()) == "/responses"


def test_count_is_told_as_the_count_of_input_tokens() -> None:
    assert orjson.loads(CODEC.write_count(12)) == {"object": "response.input_tokens", "input_tokens": 12}
