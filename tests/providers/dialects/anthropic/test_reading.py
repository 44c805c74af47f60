"""A caller's request, read. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects import canonical as c
from providers.dialects.anthropic.codec import CODEC
from providers.dialects.base import Given
from providers.dialects.canonical import BadRequest
from tests.providers.dialects.anthropic.factories import BODY, body, read, target, write

TOOL = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "24 degrees"}
PIXEL = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


def one(**block: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [block]}]


# Outline -------------------------------------------------------------------------------------------------------------
def test_outline_holds_what_pass_through_needs() -> None:
    outline = CODEC.outline("messages", body(stream=True))

    assert (outline.model, outline.stream, outline.max_tokens, outline.n) == ("claude", True, 100, 1)
    assert outline.input_bound >= len(body(stream=True))


def test_t29_outline_of_a_count_asks_for_no_output() -> None:
    outline = CODEC.outline("messages/count_tokens?beta=true", body(max_tokens=..., stream=True))

    assert (outline.model, outline.stream, outline.max_tokens) == ("claude", False, None)
    assert outline.input_expected > 0


def test_outline_counts_tools_and_takes_media_for_what_they_cost() -> None:
    bare = CODEC.outline("messages", body()).input_expected
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0K" * 50_000}}

    assert CODEC.outline("messages", body(tools=[TOOL])).input_expected > bare + 20
    assert bare + 2_000 < CODEC.outline("messages", body(messages=one(**image))).input_expected < bare + 2_200


def test_t35_outline_names_what_is_kept_at_the_provider() -> None:
    blocks = [
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "container_upload", "file_id": "file_2"},
    ]

    outline = CODEC.outline("messages", body(messages=[{"role": "user", "content": blocks}], container="container_1"))

    assert outline.kept_ids == ("file_1", "file_2", "container_1")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"model": ...}, "/model"),
        ({"model": 3}, "/model"),
        ({"messages": []}, "/messages"),
        ({"messages": [None]}, "/messages/0"),
        ({"stream": "yes"}, "/stream"),
        ({"max_tokens": -1}, "/max_tokens"),
        ({"max_tokens": 1.5}, "/max_tokens"),
        ({"max_tokens": "many"}, "/max_tokens"),
    ],
)
def test_outline_refuses_by_pointer(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        CODEC.outline("messages", body(**changes))

    assert refusal.value.pointer == pointer


# The whole request ---------------------------------------------------------------------------------------------------
def test_parameters_have_canonical_names_and_the_callers_own() -> None:
    chat = read(
        stop_sequences=["END"],
        temperature=0.5,
        metadata={"user_id": "u"},
        service_tier="standard_only",
        tools=[TOOL],
        tool_choice={"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 2048},
    )

    assert chat.params == {"temperature": 0.5, "user": "u", "service_tier": "default"}
    assert (chat.stop, chat.tool_choice) == (["END"], c.ToolChoice("named", "get_weather"))
    assert (chat.parallel_tools, chat.reasoning) == (False, c.Reasoning(budget=2048))
    assert [chat.name_of(name) for name in ("stop", "user", "reasoning", "parallel_tools")] == [
        "stop_sequences",
        "metadata/user_id",
        "thinking",
        "tool_choice/disable_parallel_tool_use",
    ]


@pytest.mark.parametrize(
    ("members", "reasoning"),
    [
        ({"thinking": {"type": "disabled"}}, c.Reasoning(budget=0)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, c.Reasoning(adaptive=True, show=False)),
        ({"output_config": {"effort": "xhigh"}}, c.Reasoning(effort="xhigh")),
        (
            {"thinking": {"type": "between_tools"}},
            c.Reasoning(extras={"type": "between_tools"}),
        ),
    ],
)
def test_thinking_is_read(members: dict[str, Any], reasoning: c.Reasoning) -> None:
    assert read(**members).reasoning == reasoning


def test_results_become_turns_of_the_tool_and_know_its_name() -> None:
    chat = read(
        messages=[
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": [CALL]},
            {"role": "user", "content": [RESULT, {"type": "text", "text": "Quick."}]},
        ]
    )

    assert [turn.role for turn in chat.turns] == ["user", "assistant", "tool", "user"]
    result = chat.turns[2].parts[0]
    assert isinstance(result, c.ToolResult)
    assert (result.id, result.name, result.is_error) == ("toolu_1", "get_weather", False)


def test_t01_system_blocks_are_kept_in_order_with_their_marks() -> None:
    mark = {"type": "ephemeral"}
    chat = read(system=[{"type": "text", "text": "One", "cache_control": mark}, {"type": "text", "text": "Two"}])

    assert chat.turns[0] == c.Turn("system", [c.Text("One", {"cache_control": mark}), c.Text("Two")])


def test_t05_call_without_arguments_is_an_empty_object() -> None:
    none: list[Any] = [{}, "", None]
    content = [{**CALL, "input": each} for each in none]
    chat = read(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": content}])

    assert [part.arguments for part in chat.turns[1].parts if isinstance(part, c.ToolCall)] == ["{}", "{}", "{}"]


def test_what_says_nothing_is_no_extra() -> None:
    """Else strict services would refuse what an SDK writes out by itself."""
    content = [{"type": "text", "text": "x", "citations": None}, {**CALL, "caller": {"type": "direct"}}]
    chat = read(
        messages=[
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": content},
            {"role": "user", "content": [{**RESULT, "is_error": False}]},
        ],
        stream=False,
        temperature=None,
    )

    assert [getattr(part, "extras", ...) for turn in chat.turns for part in turn.parts] == [None] * 4
    assert (chat.extras, chat.params) == ({}, {})


def test_unknown_members_and_blocks_travel_on() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "container_upload", "file_id": "file_1"}, PIXEL]},
        {"role": "system", "content": [{"type": "tool_addition", "tool": {"type": "tool_reference", "name": "x"}}]},
    ]
    sent = BODY | {"messages": messages, "context_management": {"edits": []}, "speed": "fast", "inference_geo": None}

    chat = CODEC.read_request(CODEC.outline("messages", orjson.dumps(sent)))

    assert chat.turns[0].parts[0] == c.Opaque("anthropic", "container_upload", messages[0]["content"][0])
    assert chat.extras == {"context_management": {"edits": []}, "speed": "fast"}
    assert write(chat)[0] == sent


def test_what_the_api_would_refuse_goes_back_as_it_was() -> None:
    """It is the caller's, and the provider's words about it are the best."""
    sent = BODY | {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": ""}, RESULT]},
            {"role": "assistant", "content": []},
            {"role": "user", "content": " "},
        ],
        "thinking": {"type": "enabled", "budget_tokens": 100},
        "temperature": 1.5,
        "top_p": 0.2,
        "top_k": 1,
        "tool_choice": {"type": "any"},
        "stop_sequences": ["", " "],
    }

    body, outgoing = write(CODEC.read_request(CODEC.outline("messages", orjson.dumps(sent))))

    assert body == sent
    assert outgoing.report == c.Report()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"system": 3}, "/system"),
        ({"system": [3]}, "/system/0"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user", "content": None}]}, "/messages/0/content"),
        ({"messages": one(text="x")}, "/messages/0/content/0/type"),
        ({"messages": one(type="text", text=3)}, "/messages/0/content/0/text"),
        ({"messages": one(type="image", source="x")}, "/messages/0/content/0/source"),
        ({"messages": one(**(CALL | {"input": [1]}))}, "/messages/0/content/0/input"),
        ({"messages": one(**(RESULT | {"content": 3}))}, "/messages/0/content/0/content"),
        ({"messages": one(**(RESULT | {"is_error": "no"}))}, "/messages/0/content/0/is_error"),
        ({"messages": [{"role": "assistant", "content": [RESULT]}]}, "/messages/0/content/0"),
        ({"tools": {}}, "/tools"),
        ({"tools": [{"name": "x"}]}, "/tools/0/input_schema"),
        ({"tools": [TOOL | {"name": ""}]}, "/tools/0/name"),
        ({"tool_choice": "auto"}, "/tool_choice"),
        ({"tool_choice": {"type": "some"}}, "/tool_choice/type"),
        ({"tool_choice": {"type": "tool"}}, "/tool_choice/name"),
        ({"stop_sequences": "END"}, "/stop_sequences"),
        ({"temperature": "hot"}, "/temperature"),
        ({"metadata": []}, "/metadata"),
        ({"thinking": {"type": "enabled"}}, "/thinking/budget_tokens"),
        ({"thinking": {}}, "/thinking/type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "/output_config/format/schema"),
        ({"output_format": {"type": "xml"}}, "/output_format/type"),
    ],
)
def test_bad_member_is_refused_by_pointer(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        read(**changes)

    assert refusal.value.pointer == pointer
    assert refusal.value.message.endswith(".")


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.sampled_from(["", "text", "tool_use", "user", "auto"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "id", "name", "input", "content", "source"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
_members = st.sampled_from([
    "messages", "system", "tools", "tool_choice", "thinking", "output_config", "output_format", "metadata", "stop_sequences",
    "service_tier", "temperature", "container", "max_tokens", "stream", "cache_control",
])  # fmt: skip


@given(st.dictionaries(_members, _json, max_size=3), st.lists(_json, min_size=1, max_size=3), st.booleans())
def test_any_json_is_read_or_refused(members: dict[str, Any], content: list[Any], said: bool) -> None:  # noqa: FBT001
    messages = {"messages": [{"role": "user" if said else "assistant", "content": content}]} if content else {}
    sent = orjson.dumps(BODY | members | messages)

    try:
        outline = CODEC.outline("messages", sent)
        chat = CODEC.read_request(outline)
        CODEC.splice(sent, outline, model="other", max_tokens=9, target=target())
        CODEC.write_request(chat, target(), Given())
    except BadRequest as refusal:
        assert refusal.pointer == "" or refusal.pointer.startswith("/")  # noqa: PT017 (most of these fit nowhere)
