"""A chat of any caller, written for an upstream. Pure: no test here may touch the database."""

from typing import Any

import pytest

from providers.dialects import canonical as c
from providers.dialects.anthropic.codec import CODEC
from providers.dialects.anthropic.tool_writing import ANSWER_TOOL
from providers.dialects.base import Fetched
from providers.dialects.canonical import BadRequest, Media, Signature, Text, Thinking, ToolCall, ToolResult, Turn
from tests.providers.dialects.anthropic.factories import (
    SCHEMA,
    WEATHER,
    assistant,
    chat,
    read,
    results,
    target,
    user,
    write,
)

MARK = {"type": "ephemeral"}


def call(id_: str = "call_1", arguments: str = '{"city":"Rome"}') -> ToolCall:
    return ToolCall(id_, "get_weather", arguments)


# Conversation --------------------------------------------------------------------------------------------------------
def test_t01_all_system_turns_are_one_system_prompt() -> None:
    body, _ = write(
        chat(
            Turn("system", [Text("One")]),
            user("Hello"),
            Turn("system", [Text("Two", {"cache_control": MARK}), Text("Three")]),
        )
    )

    assert body["system"] == [
        {"type": "text", "text": "One"},
        {"type": "text", "text": "Two", "cache_control": MARK},
        {"type": "text", "text": "Three"},
    ]
    assert body["messages"] == [{"role": "user", "content": "Hello"}]


def test_t06_results_are_one_user_turn_before_its_text() -> None:
    body, _ = write(
        chat(
            user("Weather?"),
            assistant(call("call_1"), call("call_2")),
            results(ToolResult("call_1", "get_weather", [Text("24")])),
            results(ToolResult("call_2", "get_weather", [Text("")], is_error=True)),
            user("Quick."),
            tools=[WEATHER],
        )
    )

    assert body["messages"][2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "call_1", "content": "24"},
            {"type": "tool_result", "tool_use_id": "call_2", "content": "", "is_error": True},
            {"type": "text", "text": "Quick."},
        ],
    }


def test_t06_results_come_first_even_where_the_caller_wrote_text_before() -> None:
    body, _ = write(
        chat(
            user("x"),
            assistant(call()),
            user("Here:"),
            results(ToolResult("call_1", "", [Text("24")])),
            tools=[WEATHER],
        )
    )

    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "text"]


def test_t06_nothing_empty_is_sent() -> None:
    body, _ = write(
        chat(
            Turn("system", [Text("")]),
            user("Hello"),
            assistant(" "),
            user(Text("\n"), "You there?"),
            assistant("Yes \n"),
        )
    )

    assert "system" not in body
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "You there?"}]},
        {"role": "assistant", "content": "Yes"},
    ]


def test_conversation_begins_with_the_user() -> None:
    assert write(chat(assistant("Hello.")))[0]["messages"][0] == {"role": "user", "content": "."}
    assert write(chat(Turn("system", [Text("Greet.")])))[0]["messages"] == [{"role": "user", "content": "."}]


def test_t05_arguments_that_are_no_object_are_refused() -> None:
    for arguments in ("{not json", "[1]", "3"):
        with pytest.raises(BadRequest) as refusal:
            write(chat(user("x"), assistant(call(arguments=arguments)), tools=[WEATHER]))
        assert refusal.value.pointer == "/messages"


def test_t05_no_arguments_are_an_empty_object() -> None:
    body, _ = write(chat(user("x"), assistant(call(arguments="")), tools=[WEATHER]))

    assert body["messages"][1]["content"][0]["input"] == {}


def test_t08_ids_that_do_not_fit_are_hashed_alike_in_call_and_result() -> None:
    for id_ in ("call|fc_1", "x" * 65, "é"):
        body, _ = write(
            chat(user("x"), assistant(call(id_)), results(ToolResult(id_, "", [Text("24")])), tools=[WEATHER])
        )
        made = body["messages"][1]["content"][0]["id"]
        assert made == body["messages"][2]["content"][0]["tool_use_id"] != id_
        assert 0 < len(made) <= 64
        assert made.isalnum()


def test_t10_thinking_goes_back_to_the_model_that_signed_it_alone() -> None:
    mine = Thinking("Hm.", Signature("anthropic", "claude", "c2ln"))
    empty = Thinking("", Signature("anthropic", "", "c2ln"))
    hidden = Thinking("", Signature("anthropic", "claude", ""), redacted="ZGF0YQ==")
    foreign = [
        Thinking("Hm.", Signature("anthropic", "another-claude", "c2ln")),
        Thinking("Hm.", Signature("gemini", "claude", "c2ln")),
        Thinking("Hm."),
        Thinking("", Signature("bedrock", "claude", ""), redacted="ZGF0YQ=="),
    ]

    body, sent = write(chat(user("x"), assistant(mine, empty, hidden, *foreign, "Yes"), user("y")))

    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
        {"type": "text", "text": "Yes"},
    ]
    assert sent.report.dropped == ["thinking"]


def test_t10_vendor_that_wants_its_reasoning_back_gets_it_unsigned() -> None:
    body, sent = write(
        chat(user("x"), assistant(Thinking("Hm."), call()), results(ToolResult("call_1")), tools=[WEATHER]),
        target(reasoning_echo=True),
    )

    assert body["messages"][1]["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": ""}
    assert sent.report.dropped == []


def test_t21_all_texts_are_kept_in_order() -> None:
    body, _ = write(chat(user("One", "Two"), user("Three")))

    assert [block["text"] for block in body["messages"][0]["content"]] == ["One", "Two", "Three"]


def test_t32_media_in_an_assistants_turn_is_refused() -> None:
    with pytest.raises(BadRequest):
        write(chat(user("x"), assistant(Media("document", "application/pdf", data="JVBERi0="))))


def test_t32_citations_on_users_text_are_dropped() -> None:
    cited = {"type": "text", "text": "x", "citations": [{"type": "char_location"}]}
    body, sent = write(read(messages=[{"role": "user", "content": [cited]}, {"role": "assistant", "content": [cited]}]))

    assert body["messages"][0]["content"] == [{"type": "text", "text": "x"}]
    assert body["messages"][1]["content"] == [cited]
    assert sent.report.dropped == ["citations"]


def test_four_marks_are_sent_the_first_and_the_last_three() -> None:
    parts = [Text(str(number), {"cache_control": MARK}) for number in range(5)]
    body, sent = write(chat(Turn("system", [Text("s", {"cache_control": MARK})]), user(*parts)))

    marked = [block["text"] for block in [*body["system"], *body["messages"][0]["content"]] if "cache_control" in block]
    assert marked == ["s", "2", "3", "4"]
    assert sent.report.dropped == ["cache_control"]


def test_mark_of_the_whole_request_counts_too() -> None:
    blocks = [{"type": "text", "text": str(number), "cache_control": MARK} for number in range(4)]
    body, sent = write(read(cache_control=MARK, messages=[{"role": "user", "content": blocks}]))

    marked = [block["text"] for block in body["messages"][0]["content"] if "cache_control" in block]
    assert (body["cache_control"], marked) == (MARK, ["0", "2", "3"])
    assert sent.report.dropped == ["cache_control"]


def test_extras_of_other_dialects_are_reported_once() -> None:
    _, sent = write(
        chat(user(Text("a", {"thoughtSignature": "x"}), Text("b", {"thoughtSignature": "y"})), extras={"z": 1})
    )

    assert sent.report.dropped == ["thoughtSignature", "z"]


# Media ---------------------------------------------------------------------------------------------------------------
def test_media_are_written_by_what_they_hold() -> None:
    media = [
        Media("image", "image/jpg", data="iVBORw0KGgo="),
        Media("image", url="https://example.com/a.png"),
        Media("document", "application/pdf", data="JVBERi0=", name="a.pdf"),
        Media("document", "text/csv", data="YSxi"),
        Media("document", "text/plain", text="Hello"),
    ]
    body, _ = write(chat(user(*media)))

    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hello"}},
    ]


def test_t20_addresses_are_fetched_where_the_upstream_takes_none() -> None:
    secure, plain = Media("image", url="https://example.com/a"), Media("image", url="http://example.com/b")
    inner = ToolResult("call_1", "", [secure])
    written = chat(user(secure, plain, secure), assistant(call()), results(inner), tools=[WEATHER])

    assert CODEC.wanted_media(written, target()) == ["http://example.com/b"]
    assert CODEC.wanted_media(written, target(vertex=True)) == ["https://example.com/a", "http://example.com/b"]
    body, _ = write(written, media={"http://example.com/b": Fetched("R0lGODlh", "image/gif")})
    assert body["messages"][0]["content"][1]["source"]["type"] == "base64"


@pytest.mark.parametrize(
    "media",
    [
        Media("audio", "audio/wav", data="UklGRg=="),
        Media("video", url="https://example.com/a.mp4"),
        Media("image", "image/bmp", data="Qk0="),
        Media("document", "application/msword", data="0M8R"),
        Media("document", "text/plain", data="/w=="),
        Media("image", file_id="file-of-another"),
        Media("image", url="http://example.com/not-fetched"),
    ],
)
def test_media_that_cannot_be_read_are_refused(media: Media) -> None:
    with pytest.raises(BadRequest) as refusal:
        write(chat(user(media), names={"messages": "contents"}))

    assert refusal.value.pointer == "/contents"


# Tools ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (c.ToolChoice("auto"), {"type": "auto"}),
        (c.ToolChoice("required"), {"type": "any"}),
        (c.ToolChoice("named", "get_weather"), {"type": "tool", "name": "get_weather"}),
        (c.ToolChoice("none"), {"type": "none"}),
    ],
)
def test_t07_tool_choice_is_enforced(choice: c.ToolChoice, written: dict[str, Any]) -> None:
    body, _ = write(chat(tools=[WEATHER], tool_choice=choice))

    assert (body["tool_choice"], len(body["tools"])) == (written, 1)


def test_t07_choice_without_tools_is_refused_where_one_is_required() -> None:
    with pytest.raises(BadRequest) as refusal:
        write(chat(tool_choice=c.ToolChoice("required")))

    assert refusal.value.pointer == "/tool_choice"
    assert "tool_choice" not in write(chat(tool_choice=c.ToolChoice("none")))[0]


def test_one_tool_at_a_time_makes_a_choice_to_carry_it() -> None:
    body, _ = write(chat(tools=[WEATHER], parallel_tools=False))

    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_allowed_tools_are_the_only_ones_sent() -> None:
    body, sent = write(
        chat(
            tools=[WEATHER, c.Tool("get_time")],
            tool_choice=c.ToolChoice("required", allowed=("get_time",)),
        )
    )

    assert body["tools"] == [{"name": "get_time", "input_schema": {"type": "object", "properties": {}}}]
    assert (body["tool_choice"], sent.report.emulated) == ({"type": "any"}, ["tool_choice"])


def test_history_with_calls_declares_their_tools() -> None:
    body, _ = write(chat(user("x"), assistant(call()), results(ToolResult("call_1"))))

    assert [tool["name"] for tool in body["tools"]] == ["get_weather"]
    assert body["tool_choice"] == {"type": "none"}


def test_tool_of_another_provider_is_refused() -> None:
    with pytest.raises(BadRequest) as refusal:
        write(chat(tools=[c.HostedTool("gemini", "googleSearch", {})]))

    assert refusal.value.pointer == "/tools"


# An answer in JSON ---------------------------------------------------------------------------------------------------
WIDE = {
    "type": "object",
    "properties": {
        "age": {"type": "integer", "minimum": 0, "description": "In years"},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
        "extra": {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        "minimum": {"oneOf": [{"type": "string", "format": "uri"}, {"type": "string", "format": "color"}]},
    },
    "$defs": {"tag": {"type": "string", "maxLength": 9}},
}


def test_t19_native_schema_is_closed_and_what_it_loses_is_told() -> None:
    body, sent = write(
        chat(output=c.OutputFormat("schema", WIDE, "person"), names={"output": "response_format"}),
        target(model={"json_schema": True}),
    )

    assert body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "title": "person",
            "type": "object",
            "properties": {
                "age": {"type": "integer", "description": "In years\n\n{minimum: 0}"},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "description": "{minItems: 2}"},
                "extra": {"type": "object", "properties": {}, "additionalProperties": False},
                "minimum": {
                    "anyOf": [
                        {"type": "string", "format": "uri"},
                        {"type": "string", "description": '{format: "color"}'},
                    ]
                },
            },
            "$defs": {"tag": {"type": "string", "description": "{maxLength: 9}"}},
            "additionalProperties": False,
        },
    }
    lost = ["minimum", "minItems", "additionalProperties", "oneOf", "format", "maxLength"]
    assert sorted(sent.report.dropped) == sorted(f"response_format/{keyword}" for keyword in lost)


def test_t19_schema_that_is_valid_there_stays_as_it_is() -> None:
    schema = {**SCHEMA, "title": "A Place", "additionalProperties": False}
    body, sent = write(
        read(output_config={"format": {"type": "json_schema", "schema": schema}}), target(json_schema=True)
    )

    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert sent.report == c.Report()


def test_t19_without_native_schemas_a_tool_is_forced() -> None:
    output = c.OutputFormat("schema", SCHEMA, "place")
    body, sent = write(chat(output=output, reasoning=c.Reasoning(effort="high")), target(model={"json_schema": False}))

    assert [tool["name"] for tool in body["tools"]] == [ANSWER_TOOL]
    assert body["tools"][0]["input_schema"] == {**SCHEMA, "title": "place"}
    assert body["tool_choice"] == {"type": "tool", "name": ANSWER_TOOL}
    assert sent.report.emulated == ["output"]


def test_t19_forced_tool_stands_beside_the_callers_own() -> None:
    output = c.OutputFormat("schema", SCHEMA)

    body, _ = write(chat(tools=[WEATHER], output=output))

    assert [tool["name"] for tool in body["tools"]] == ["get_weather", ANSWER_TOOL]
    assert body["tool_choice"] == {"type": "any"}
    forced, _ = write(chat(tools=[WEATHER], tool_choice=c.ToolChoice("required"), output=output))
    assert [tool["name"] for tool in forced["tools"]] == ["get_weather"]


def test_t19_forced_tool_wants_an_object() -> None:
    with pytest.raises(BadRequest) as refusal:
        write(chat(output=c.OutputFormat("schema", {"type": "array"}), names={"output": "response_format"}))

    assert refusal.value.pointer == "/response_format"


def test_t19_strict_tool_is_closed_where_the_model_can_be_held_to_it() -> None:
    tool = c.Tool("get_weather", None, SCHEMA, strict=True)

    held, _ = write(chat(tools=[tool]), target(json_schema=True))
    free, sent = write(chat(tools=[tool]))

    assert held["tools"][0] == {
        "name": "get_weather",
        "input_schema": {**SCHEMA, "additionalProperties": False},
        "strict": True,
    }
    assert free["tools"][0] == {"name": "get_weather", "input_schema": SCHEMA}
    assert sent.report.dropped == ["strict"]


def test_any_json_is_asked_for_in_words() -> None:
    body, sent = write(chat(Turn("system", [Text("Be brief.")]), user("x"), output=c.OutputFormat("json")))

    assert body["system"][0]["text"] == "Be brief."
    assert "JSON" in body["system"][1]["text"]
    assert sent.report.emulated == ["output"]


# Limits and sampling -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("asked", "sent"), [(None, 64_000), (100, 100), (100_000, 64_000)])
def test_t02_limit_is_never_missing_and_never_above_the_models(asked: int | None, sent: int) -> None:
    body, outgoing = write(chat(max_tokens=asked))

    assert body["max_tokens"] == sent
    assert outgoing.report.clamped == ([("max_tokens", "64000")] if asked == 100_000 else [])


def test_t02_limit_is_asked_for_where_nobody_knows_it() -> None:
    with pytest.raises(BadRequest) as refusal:
        write(chat(max_tokens=None), target(model={"max_output_tokens": None}))

    assert refusal.value.pointer == "/max_tokens"


def test_t03_temperature_is_clamped_and_told() -> None:
    body, sent = write(chat(params={"temperature": 1.7}))

    assert (body["temperature"], sent.report.clamped) == (1.0, [("temperature", "1.0")])


def test_t03_sampling_that_the_model_refuses_is_dropped_and_told() -> None:
    body, sent = write(chat(params={"temperature": 0.2, "top_p": 0.9, "top_k": 3}), target(model={"sampling": "no"}))

    assert not {"temperature", "top_p", "top_k"} & body.keys()
    assert sent.report.dropped == ["temperature", "top_p", "top_k"]


def test_t22_what_changes_the_answer_is_refused_and_the_rest_is_told() -> None:
    for param, value in (("n", 2), ("logprobs", True), ("previous_response_id", "resp_1")):
        with pytest.raises(BadRequest) as refusal:
            write(chat(params={param: value}))
        assert refusal.value.pointer == f"/{param}"

    params = {"n": 1, "logprobs": False, "seed": 3, "frequency_penalty": 0.5, "safety_identifier": "u", "top_p": 0.9}
    body, sent = write(chat(params=params))
    assert (body["metadata"], body["top_p"]) == ({"user_id": "u"}, 0.9)
    assert sent.report.dropped == ["seed", "frequency_penalty"]


def test_temperature_and_top_p_are_not_sent_together() -> None:
    body, sent = write(chat(params={"top_p": 0.9, "temperature": 0.5}))

    assert "top_p" not in body
    assert (body["temperature"], sent.report.dropped) == (0.5, ["top_p"])


def test_blank_stop_sequence_is_refused() -> None:
    with pytest.raises(BadRequest) as refusal:
        write(chat(stop=["\n"], names={"stop": "stop"}))

    assert refusal.value.pointer == "/stop"


# Reasoning -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reasoning", "facts", "thinking", "effort"),
    [
        (c.Reasoning(effort="high"), {}, {"type": "enabled", "budget_tokens": 8_191}, None),
        (c.Reasoning(effort="low"), {"thinking": "budget"}, {"type": "enabled", "budget_tokens": 2_048}, None),
        (c.Reasoning(effort="high"), {"thinking": "adaptive"}, {"type": "adaptive"}, "high"),
        (c.Reasoning(effort="max"), {"efforts": ("low", "medium", "high")}, {"type": "adaptive"}, "high"),
        (c.Reasoning(effort="minimal"), {"thinking": "adaptive"}, {"type": "adaptive"}, "low"),
        (c.Reasoning(budget=5_000), {"thinking": "adaptive"}, {"type": "adaptive"}, "medium"),
        (c.Reasoning(budget=-1), {"thinking": "adaptive"}, {"type": "adaptive"}, None),
        (c.Reasoning(budget=200), {}, {"type": "enabled", "budget_tokens": 1_024}, None),
        (c.Reasoning(adaptive=True), {"thinking": "budget"}, {"type": "enabled", "budget_tokens": 8_191}, None),
        (c.Reasoning(effort="none"), {"thinking": "adaptive"}, {"type": "disabled"}, None),
        (c.Reasoning(budget=0), {}, {"type": "disabled"}, None),
    ],
)
def test_reasoning_is_told_as_the_model_takes_it(
    reasoning: c.Reasoning, facts: dict[str, Any], thinking: dict[str, Any], effort: str | None
) -> None:
    body, _ = write(chat(reasoning=reasoning, max_tokens=8_192), target(model=facts))

    assert body["thinking"] == thinking
    assert body.get("output_config", {}).get("effort") == effort


def test_t11_thinking_gives_way_to_a_forced_tool() -> None:
    body, sent = write(
        chat(
            tools=[WEATHER],
            tool_choice=c.ToolChoice("required"),
            reasoning=c.Reasoning(effort="high"),
            names={"reasoning": "reasoning_effort"},
        )
    )

    assert (body["thinking"], body["tool_choice"]) == ({"type": "disabled"}, {"type": "any"})
    assert sent.report.dropped == ["reasoning_effort"]


def test_t11_sampling_gives_way_to_thinking() -> None:
    body, sent = write(chat(reasoning=c.Reasoning(effort="low"), params={"temperature": 0.2, "top_k": 3, "top_p": 0.5}))

    assert body["thinking"]["type"] == "enabled"
    assert not {"temperature", "top_k", "top_p"} & body.keys()
    assert sent.report.dropped == ["temperature", "top_k", "top_p"]


@pytest.mark.parametrize(("limit", "budget"), [(1_024, None), (1_025, 1_024), (4_000, 3_999), (20_000, 16_000)])
def test_t11_budget_stays_below_the_limit(limit: int, budget: int | None) -> None:
    body, sent = write(chat(reasoning=c.Reasoning(budget=16_000), max_tokens=limit, names={"reasoning": "r"}))

    assert body["max_tokens"] == limit
    assert body.get("thinking", {}).get("budget_tokens") == budget
    told = [*sent.report.dropped, *(name for name, _ in sent.report.clamped)]
    assert told == ([] if budget == 16_000 else ["r"])


def test_thinking_is_off_in_a_round_of_tools_that_was_begun_without() -> None:
    """With a budget the API refuses it; callers of other dialects cannot give the thinking back."""
    turns = [user("x"), assistant(call()), results(ToolResult("call_1", "", [Text("24")]))]

    by_budget, sent = write(chat(*turns, tools=[WEATHER], reasoning=c.Reasoning(effort="high")))
    adaptive, _ = write(
        chat(*turns, tools=[WEATHER], reasoning=c.Reasoning(effort="high")), target(model={"thinking": "adaptive"})
    )

    assert (by_budget["thinking"], sent.report.dropped) == ({"type": "disabled"}, ["reasoning"])
    assert adaptive["thinking"] == {"type": "adaptive"}


# Where it goes -------------------------------------------------------------------------------------------------------
def test_request_goes_to_messages() -> None:
    _, sent = write(chat(stream=True))

    assert (sent.method, sent.path, sent.headers) == ("POST", "/v1/messages", [("content-type", "application/json")])


def test_vertex_names_the_model_in_the_path() -> None:
    vertex = target(model={"name": "claude-sonnet-4-5@20250929"}, vertex=True)

    whole, sent = write(chat(), vertex)
    _, streamed = write(chat(stream=True), vertex)

    assert (sent.path, streamed.path) == (
        "/claude-sonnet-4-5@20250929:rawPredict",
        "/claude-sonnet-4-5@20250929:streamRawPredict",
    )
    assert "model" not in whole
    assert whole["anthropic_version"] == "vertex-2023-10-16"
