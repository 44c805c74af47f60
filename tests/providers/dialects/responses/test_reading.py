"""Requests of callers, read as chats. Pure: no test here may touch the database."""

import contextlib
import copy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.canonical import (
    BadRequest,
    HostedTool,
    Media,
    Opaque,
    OutputFormat,
    Reasoning,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from providers.dialects.responses.codec import CODEC
from tests.providers.dialects import corpus, fixtures
from tests.providers.dialects.responses.factories import DATA, body, read, target, write

CALL: dict[str, Any] = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city":"Rome"}',
}
RESULT: dict[str, Any] = {"type": "function_call_output", "call_id": "call_1", "output": "24"}


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


# The conversation ----------------------------------------------------------------------------------------------------
def test_input_of_one_text_is_what_the_user_says() -> None:
    (turn,) = read(input="Hello").turns

    assert (turn.role, turn.parts) == ("user", [Text("Hello")])


def test_t01_instructions_and_messages_of_the_system_are_kept_in_order() -> None:
    turns = read(
        instructions="One",
        input=[
            {
                "role": "developer",
                "content": [{"type": "input_text", "text": "Two"}, {"type": "input_text", "text": "Three"}],
            },
            {"role": "user", "content": "Hello"},
            {"role": "system", "content": "Four"},
        ],
    ).turns

    said = [(turn.role, [part.text for part in turn.parts if isinstance(part, Text)]) for turn in turns]
    assert said == [("system", ["One"]), ("system", ["Two", "Three"]), ("user", ["Hello"]), ("system", ["Four"])]


def test_t06_calls_that_follow_each_other_are_one_turn_and_so_are_their_results() -> None:
    turns = read(
        input=[
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "I look."},
            CALL,
            CALL | {"call_id": "call_2"},
            RESULT,
            RESULT | {"call_id": "call_2", "output": [{"type": "input_text", "text": "3"}]},
            {"role": "user", "content": "Quick."},
        ]
    ).turns

    assert [turn.role for turn in turns] == ["user", "assistant", "tool", "user"]
    assert [type(part) for part in turns[1].parts] == [Text, ToolCall, ToolCall]
    results = [part for part in turns[2].parts if isinstance(part, ToolResult)]
    # Named after the calls: other dialects need the name.
    assert [(part.id, part.name) for part in results] == [("call_1", "get_weather"), ("call_2", "get_weather")]


def test_t05_call_without_arguments_is_one_of_none() -> None:
    (turn,) = read(input=[CALL | {"arguments": ""}]).turns

    assert [part.arguments for part in turn.parts if isinstance(part, ToolCall)] == ["{}"]


def test_t05_arguments_that_are_no_json_stay_as_they_came() -> None:
    (turn,) = read(input=[CALL | {"arguments": "{city"}]).turns

    assert [part.arguments for part in turn.parts if isinstance(part, ToolCall)] == ["{city"]


def test_media_are_read_by_bytes_by_address_and_by_id() -> None:
    (turn,) = read(
        input=[
            user(
                {"type": "input_image", "image_url": f"data:image/png;base64,{DATA}", "detail": "low"},
                {"type": "input_image", "image_url": "https://media.example/a.png"},
                {"type": "input_image", "file_id": "file_1", "image_url": None},
                {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"},
                {"type": "input_file", "filename": "b.pdf", "file_data": DATA},
                {"type": "input_file", "file_url": "https://media.example/c.pdf"},
                {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
            )
        ]
    ).turns

    plain = [copy.copy(part) for part in turn.parts]
    for part in plain:
        part.spelling = None
    assert plain == [
        Media("image", "image/png", DATA, detail="low"),
        Media("image", url="https://media.example/a.png"),
        Media("image", file_id="file_1"),
        Media("document", "application/pdf", DATA, name="a.pdf"),
        Media("document", "application/pdf", DATA, name="b.pdf"),
        Media("document", url="https://media.example/c.pdf"),
        Media("audio", "audio/wav", DATA),
    ]


def test_t10_encrypted_reasoning_is_a_signature_and_its_summary_the_text() -> None:
    (turn,) = read(
        input=[
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
                "encrypted_content": "gAAA",
            }
        ]
    ).turns

    (part,) = turn.parts
    assert isinstance(part, Thinking)
    assert (part.text, part.signature) == ("One.\n\nTwo.", Signature("responses", "", "gAAA"))


def test_reasoning_that_only_its_provider_can_look_up_stays_as_it_came() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": []}

    (turn,) = read(input=[item]).turns

    assert [(part.kind, part.content) for part in turn.parts if isinstance(part, Opaque)] == [("reasoning", item)]


# What is asked for ---------------------------------------------------------------------------------------------------
def test_tools_are_functions_or_run_by_the_provider() -> None:
    chat = read(tools=[{"type": "function", "name": "f", "parameters": None, "strict": None}, {"type": "web_search"}])

    function, hosted = chat.tools
    assert (function.name, hosted) == ("f", HostedTool("responses", "web_search", {"type": "web_search"}))  # type: ignore[union-attr]  # a Tool has one


@pytest.mark.parametrize(
    ("written", "choice"),
    [
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("named", "f")),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice("required", allowed=("f",)),
        ),
    ],
)
def test_tool_choice_is_read(written: Any, choice: ToolChoice) -> None:
    assert read(tool_choice=written).tool_choice == choice


def test_form_of_the_answer_and_reasoning_are_read() -> None:
    chat = read(
        text={"format": {"type": "json_schema", "name": "place", "schema": {"type": "object"}, "strict": True}},
        reasoning={"effort": "low", "summary": "auto"},
    )

    assert chat.output == OutputFormat("schema", {"type": "object"}, "place", strict=True)
    assert chat.reasoning == Reasoning("low", show=True, spelling={"summary": "auto"})


def test_what_a_provider_would_have_to_keep_is_named_for_those_who_cannot() -> None:
    chat = read(
        store=True,
        background=True,
        previous_response_id="resp_1",
        conversation="conv_1",
        input=[{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "Go on."}],
    )

    assert {"stored", "background", "previous_response_id", "conversation", "item_references"} == set(chat.params)
    assert (chat.name_of("stored"), chat.name_of("item_references")) == ("store", "input/0")


def test_what_asks_for_nothing_is_no_parameter() -> None:
    chat = read(
        background=False,
        top_logprobs=0,
        previous_response_id=None,
        temperature=None,
        metadata={},
        include=["reasoning.encrypted_content"],
        stream_options={"include_obfuscation": False},
    )

    assert (chat.params, chat.extras) == ({}, {})


def test_log_probabilities_are_asked_for_by_a_word_in_include() -> None:
    chat = read(include=["message.output_text.logprobs", "file_search_call.results"], top_logprobs=3)

    assert chat.params == {"logprobs": True, "include": ["file_search_call.results"], "top_logprobs": 3}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"input": ["Hello"]}, "/input/0"),
        ({"input": [{"role": "robot", "content": "Hello"}]}, "/input/0/role"),
        ({"input": [{"role": "user"}]}, "/input/0/content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "/input/0/content/0/text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "/input/0/content/0"),
        ({"input": [{"role": "user", "content": [{"text": "Hello"}]}]}, "/input/0/content/0/type"),
        ({"input": [{"content": "Hello"}]}, "/input/0/type"),
        ({"input": [CALL | {"arguments": {}}]}, "/input/0/arguments"),
        ({"input": [{"type": "function_call_output", "output": "24"}]}, "/input/0/call_id"),
        ({"input": [{"type": "reasoning", "summary": [7]}]}, "/input/0/summary/0"),
        ({"instructions": 7}, "/instructions"),
        ({"tools": {}}, "/tools"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "/tools/0/name"),
        ({"tools": [{"name": "f"}]}, "/tools/0/type"),
        ({"tool_choice": "always"}, "/tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "/text/format/type"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "/text/format/schema"),
        ({"reasoning": "high"}, "/reasoning"),
        ({"temperature": "hot"}, "/temperature"),
        ({"store": 1}, "/store"),
        ({"top_logprobs": -1}, "/top_logprobs"),
        ({"metadata": []}, "/metadata"),
    ],
)
def test_reading_names_the_member_that_it_cannot_read(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(**changes)

    assert refused.value.pointer == pointer
    assert refused.value.message


# There and back ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "changes",
    [
        {"input": None, "previous_response_id": "resp_1"},
        {"input": []},
        {"input": [{"role": "user", "content": []}]},
        {"input": [{"type": None, "role": "assistant", "content": "Hm.", "phase": "commentary"}]},
        {"input": [CALL | {"id": None, "status": "completed", "namespace": "maps", "caller": {"type": "direct"}}]},
        {
            "input": [
                CALL | {"arguments": ""},
                RESULT | {"output": None},
                RESULT | {"output": []},
                RESULT | {"output": ""},
            ]
        },
        {"input": [RESULT | {"output": [{"type": "input_image", "file_id": "f"}, {"type": "new", "a": 1}]}]},
        {"input": [{"type": "computer_call", "id": "cc_1"}, {"type": "computer_call_output", "call_id": "c"}]},
        {"input": [user({"type": "input_text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit"}})]},
        {"input": [user({"type": "input_image", "image_url": "data:image/svg+xml,%3Csvg%3E"})]},
        {"input": [user({"type": "input_file", "file_data": f"data:text/plain;charset=utf-8;base64,{DATA}"})]},
        {"tools": [], "tool_choice": "auto", "text": {}, "reasoning": {}, "include": [], "stream": False},
        {
            "tools": None,
            "text": {"format": None, "verbosity": "low", "new": 1},
            "reasoning": {"effort": None, "mode": "pro"},
        },
        {"tool_choice": {"type": "mcp", "server_label": "a"}, "tools": [{"type": "custom", "name": "a"}]},
        {
            "store": True,
            "truncation": "auto",
            "service_tier": "new",
            "max_tool_calls": 3,
            "moderation": None,
            "new": {"a": [1]},
        },
    ],
)
def test_request_is_written_back_as_it_was(changes: dict[str, Any]) -> None:
    sent = orjson.loads(body(**changes))

    written, report = write(read(**changes))

    assert written == sent
    assert (report.dropped, report.clamped, report.emulated) == ([], [], [])


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "message"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "id", "text"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=300)
def test_any_value_of_a_wrong_type_is_refused_or_read(data: st.DataObject) -> None:
    """One value somewhere in a whole request is replaced; what is read can be written."""
    content = orjson.loads(data.draw(st.sampled_from(fixtures.load("responses", "request")), label="request").body)
    places = list(_places(content))
    holder, name = data.draw(st.sampled_from(places), label="place")
    holder[name] = data.draw(_JSON, label="value")

    with contextlib.suppress(BadRequest):
        chat = CODEC.read_request(CODEC.outline("responses", orjson.dumps(content)))
        written, _ = write(chat, corpus.permissive(chat.model, content))
        assert written == content


def _places(found: Any) -> list[tuple[Any, Any]]:
    pairs = (
        list(found.items()) if isinstance(found, dict) else list(enumerate(found)) if isinstance(found, list) else []
    )
    return [place for name, value in pairs for place in [(found, name), *_places(value)]]


def test_media_of_a_wrong_kind_are_not_wanted_by_address() -> None:
    chat = read(input=[user({"type": "input_image", "image_url": "https://media.example/a.png"})])

    assert CODEC.wanted_media(chat, target()) == []
