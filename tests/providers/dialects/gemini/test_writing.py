"""Chats of other dialects as requests of Gemini's. Pure: no test here may touch the database."""

import base64
from typing import Any

import pytest

from providers.dialects.base import Fetched
from providers.dialects.canonical import (
    BadRequest,
    Chat,
    HostedTool,
    Media,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Report,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from providers.dialects.gemini.codec import CODEC
from providers.dialects.profile import Profile
from providers.dialects.signatures import fitting_id
from tests.providers.dialects.gemini.factories import a_chat, a_round, a_target, sent

WEATHER = Tool("weather", "Of a city", {"type": "object", "properties": {"city": {"type": "string"}}})
PICTURE = "https://media.example/picture.png"


# Turns ---------------------------------------------------------------------------------------------------------------
def test_t01_all_system_messages_are_kept_in_order() -> None:
    body, _ = sent(
        a_chat(
            Turn("system", [Text("Be brief."), Text("Be kind.")]),
            Turn("user", [Text("Hello")]),
            Turn("system", [Text("Be quick.")]),
            Turn("user", [Text("Well?")]),
        )
    )

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be kind."}, {"text": "Be quick."}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hello"}, {"text": "Well?"}]}]


def test_system_alone_is_said_as_a_user_since_something_must_be_answered() -> None:
    body, outgoing = sent(a_chat(Turn("system", [Text("Be brief.")])))

    assert body == {"contents": [{"role": "user", "parts": [{"text": "Be brief."}]}]}
    assert outgoing.report == Report(emulated=["system"])


def test_t06_results_of_parallel_calls_are_one_content_and_text_follows_them() -> None:
    body, _ = sent(
        a_chat(
            Turn("user", [Text("Weather?")]),
            Turn("assistant", [ToolCall("a", "weather"), ToolCall("b", "weather")]),
            Turn("tool", [ToolResult("a", parts=[Text("sun")])]),
            Turn("tool", [ToolResult("b", parts=[Text("rain")])]),
            Turn("user", [Text(""), Text("Well?")]),
        )
    )

    assert body["contents"][2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "weather", "response": {"output": "sun"}, "id": "a"}},
            {"functionResponse": {"name": "weather", "response": {"output": "rain"}, "id": "b"}},
            {"text": "Well?"},
        ],
    }


def test_t06_turns_without_content_are_left_out() -> None:
    body, outgoing = sent(
        a_chat(Turn("user", [Text("Hello")]), Turn("assistant", [Text("")]), Turn("user", [Text("Well?")]))
    )

    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hello"}, {"text": "Well?"}]}]
    assert outgoing.report == Report()


def test_t21_all_texts_are_kept_in_order() -> None:
    said: list[Part] = [Text("one"), Refusal("two"), Text("three")]

    body, _ = sent(a_chat(Turn("user", [Text("a"), Text("b")]), Turn("assistant", said)))

    assert [part["text"] for content in body["contents"] for part in content["parts"]] == [
        "a",
        "b",
        "one",
        "two",
        "three",
    ]


def test_t05_arguments_that_are_no_object_are_refused() -> None:
    with pytest.raises(BadRequest, match="no JSON object"):
        sent(a_chat(*a_round(ToolCall("a", "weather", "not JSON"))))


@pytest.mark.parametrize("arguments", ["", "{}"])
def test_t05_no_arguments_are_an_empty_object(arguments: str) -> None:
    body, _ = sent(a_chat(*a_round(ToolCall("a", "weather", arguments))))

    assert body["contents"][1]["parts"][0]["functionCall"] == {"name": "weather", "args": {}, "id": "a"}


def test_t08_result_without_its_call_is_refused() -> None:
    with pytest.raises(BadRequest) as raised:
        sent(a_chat(Turn("tool", [ToolResult("x", parts=[Text("sun")])]), names={"messages": "messages"}))

    assert raised.value.pointer == "/messages"


@pytest.mark.parametrize(("pattern", "id_"), [("any", "a:1"), ("none", None), ("word64", fitting_id("a:1", "word64"))])
def test_t08_ids_fit_what_the_provider_takes_on_both_sides(pattern: Any, id_: str | None) -> None:
    profile = Profile("custom", "Custom", tool_id=pattern)

    body, _ = sent(a_chat(*a_round(ToolCall("a:1", "weather"))), a_target(profile=profile))

    assert body["contents"][1]["parts"][0]["functionCall"].get("id") == id_
    assert body["contents"][2]["parts"][0]["functionResponse"].get("id") == id_


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult("a", parts=[Text("sun")]), {"output": "sun"}),
        (ToolResult("a", parts=[Text("sun"), Text("shine")]), {"output": "sunshine"}),
        (ToolResult("a", parts=[Text('{"degrees": 24}')]), {"degrees": 24}),
        (ToolResult("a", parts=[Text("[1, 2]")]), {"output": "[1, 2]"}),
        (ToolResult("a", parts=[Text("no station")], is_error=True), {"error": "no station"}),
        (ToolResult("a"), {"output": ""}),
    ],
)
def test_result_becomes_an_object(result: ToolResult, response: dict[str, Any]) -> None:
    body, _ = sent(a_chat(Turn("assistant", [ToolCall("a", "weather")]), Turn("tool", [result])))

    assert body["contents"][1]["parts"][0]["functionResponse"]["response"] == response


@pytest.mark.parametrize(("thinking", "inside"), [("level", True), ("budget", False)])
def test_pictures_of_a_result_stand_in_it_or_behind_all_results(thinking: Any, inside: bool) -> None:  # noqa: FBT001 (a case)
    result = ToolResult("a", parts=[Text("see"), Media("image", "image/png", data="AA==")])
    picture = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}

    body, _ = sent(
        a_chat(Turn("assistant", [ToolCall("a", "weather")]), Turn("tool", [result])), a_target(thinking=thinking)
    )

    first, *rest = body["contents"][1]["parts"]
    assert first["functionResponse"].get("parts") == ([picture] if inside else None)
    assert rest == ([] if inside else [picture])


# Media ---------------------------------------------------------------------------------------------------------------
def _picture(url: str) -> Chat:
    return a_chat(Turn("user", [Text("What is it?"), Media("image", url=url)]))


def test_t20_addresses_are_named_once_each_to_be_fetched() -> None:
    result = ToolResult("a", "see", [Media("image", url=PICTURE), Media("image", url="https://media.example/other")])

    wanted = CODEC.wanted_media(a_chat(Turn("user", [Media("image", url=PICTURE)]), Turn("tool", [result])), a_target())

    assert wanted == [PICTURE, "https://media.example/other"]


def test_t20_what_was_fetched_is_sent_as_bytes() -> None:
    body, outgoing = sent(_picture(PICTURE), media={PICTURE: Fetched("AA==", "image/webp")})

    assert body["contents"][0]["parts"][1] == {"inlineData": {"mimeType": "image/webp", "data": "AA=="}}
    assert outgoing.report == Report()


def test_t20_what_was_not_fetched_is_refused() -> None:
    with pytest.raises(BadRequest, match="send its bytes"):
        sent(_picture(PICTURE))


@pytest.mark.parametrize("url", ["https://www.youtube.com/watch?v=1", "https://youtu.be/1", "gs://bucket/film.mp4"])
def test_google_opens_some_addresses_itself(url: str) -> None:
    chat = _picture(url)

    assert CODEC.wanted_media(chat, a_target()) == []
    assert sent(chat)[0]["contents"][0]["parts"][1] == {"fileData": {"fileUri": url}}


def test_file_kept_at_another_provider_is_refused() -> None:
    with pytest.raises(BadRequest, match="another provider"):
        sent(a_chat(Turn("user", [Media("document", file_id="file-1")])))


@pytest.mark.parametrize(
    ("media", "inline"),
    [
        (Media("image", data="iVBORw0KGgo="), {"mimeType": "image/png", "data": "iVBORw0KGgo="}),
        (Media("image", data="/9j/4AAQ"), {"mimeType": "image/jpeg", "data": "/9j/4AAQ"}),
        (Media("audio", data="AAAA"), {"mimeType": "audio/wav", "data": "AAAA"}),
        (
            Media("document", "application/pdf", data="JVBERi0=", name="a.pdf"),
            {"mimeType": "application/pdf", "data": "JVBERi0=", "displayName": "a.pdf"},
        ),
        (Media("document", text="Hé"), {"mimeType": "text/plain", "data": base64.b64encode("Hé".encode()).decode()}),
    ],
)
def test_bytes_have_a_media_type(media: Media, inline: dict[str, Any]) -> None:
    body, _ = sent(a_chat(Turn("user", [media])))

    assert body["contents"][0]["parts"] == [{"inlineData": inline}]


def test_kind_that_the_model_does_not_read_is_refused() -> None:
    chat = a_chat(Turn("user", [Media("audio", "audio/wav", data="AA==")]))

    with pytest.raises(BadRequest, match="reads no audio"):
        sent(chat, a_target(inputs=frozenset({"text", "image"})))


# Tools ---------------------------------------------------------------------------------------------------------------
def test_tools_are_declared_in_one_object_with_their_schemas_as_they_are() -> None:
    body, outgoing = sent(a_chat(tools=[WEATHER, Tool("now")]))

    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "weather", "description": "Of a city", "parametersJsonSchema": WEATHER.parameters},
                {"name": "now"},
            ]
        }
    ]
    assert outgoing.report == Report()


def test_t18_older_models_get_googles_own_schema() -> None:
    tools: list[Any] = [WEATHER, Tool("now", parameters={"type": "object", "properties": {}})]

    body, _ = sent(a_chat(tools=tools), a_target(openapi_schemas=True))

    assert body["tools"][0]["functionDeclarations"] == [
        {
            "name": "weather",
            "description": "Of a city",
            "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}},
        },
        {"name": "now"},
    ]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", "weather"), {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
        (ToolChoice("required", allowed=("a", "b")), {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}),
        (ToolChoice("auto", allowed=("a", "b")), {"mode": "VALIDATED", "allowedFunctionNames": ["a", "b"]}),
    ],
)
def test_t07_choice_of_a_tool(choice: ToolChoice, calling: dict[str, Any]) -> None:
    body, _ = sent(a_chat(tools=[WEATHER], tool_choice=choice))

    assert body["toolConfig"] == {"functionCallingConfig": calling}


def test_t07_tools_are_withheld_where_none_is_no_word() -> None:
    profile = Profile("custom", "Custom", tool_choices=frozenset({"auto"}))

    body, _ = sent(a_chat(tools=[WEATHER], tool_choice=ToolChoice("none")), a_target(profile=profile))

    assert "tools" not in body
    assert "toolConfig" not in body


def test_t07_tool_that_cannot_be_enforced_is_refused() -> None:
    profile = Profile("custom", "Custom", tool_choices=frozenset({"auto"}))

    with pytest.raises(BadRequest) as raised:
        sent(a_chat(tools=[WEATHER], tool_choice=ToolChoice("required")), a_target(profile=profile))

    assert raised.value.pointer == "/tool_choice"


def test_model_without_tools_and_another_providers_tool_are_refused() -> None:
    with pytest.raises(BadRequest, match="takes no tools"):
        sent(a_chat(tools=[WEATHER]), a_target(tools=False))
    with pytest.raises(BadRequest) as raised:
        sent(a_chat(tools=[WEATHER, HostedTool("anthropic", "web_search", {"type": "web_search"})]))
    assert raised.value.pointer == "/tools/1"


# Parameters ----------------------------------------------------------------------------------------------------------
def test_t22_what_google_lacks_is_told_by_the_callers_names() -> None:
    chat = a_chat(
        Turn(
            "user",
            [Text("Hello", extras={"cache_control": {}}), Opaque("openai", "custom", {})],
            extras={"name": "Ann"},
        ),
        params={"temperature": 0.5, "logit_bias": {}, "user": "u", "store": False},
        names={"user": "metadata/user_id"},
        extras={"moderation": "low"},
        tools=[Tool("f", strict=True, extras={"defer_loading": True})],
        parallel_tools=False,
    )

    body, outgoing = sent(chat)

    assert set(outgoing.report.dropped) == {
        "cache_control", "custom", "name", "logit_bias", "metadata/user_id", "store", "moderation", "strict",
        "defer_loading", "parallel_tool_calls",
    }  # fmt: skip
    assert body["generationConfig"] == {"temperature": 0.5}


@pytest.mark.parametrize("param", ["previous_response_id", "conversation", "background"])
def test_t22_what_would_change_the_answer_is_refused(param: str) -> None:
    with pytest.raises(BadRequest) as raised:
        sent(a_chat(params={param: "x"}))

    assert raised.value.pointer == f"/{param}"


def test_one_choice_is_what_everybody_gives() -> None:
    profile = Profile("custom", "Custom", refuses=frozenset({"n"}))

    assert "generationConfig" not in sent(a_chat(params={"n": 1}), a_target(profile=profile))[0]
    with pytest.raises(BadRequest):
        sent(a_chat(params={"n": 2}), a_target(profile=profile))


def test_t03_temperature_above_the_range_is_clamped_and_told() -> None:
    profile = Profile("custom", "Custom", max_temperature=1.0)

    body, outgoing = sent(a_chat(params={"temperature": 1.5}), a_target(profile=profile))

    assert body["generationConfig"] == {"temperature": 1.0}
    assert outgoing.report == Report(clamped=[("temperature", "1")])


@pytest.mark.parametrize(
    ("sampling", "effort", "kept"),
    [("yes", "high", True), ("no", "none", False), ("effort-none", "high", False), ("effort-none", "none", True)],
)
def test_t03_sampling_that_the_model_refuses_is_dropped_and_told(sampling: Any, effort: str, kept: bool) -> None:  # noqa: FBT001 (a case)
    chat = a_chat(params={"temperature": 0.5, "top_p": 0.5, "top_k": 5, "seed": 7}, reasoning=Reasoning(effort=effort))

    body, outgoing = sent(chat, a_target(sampling=sampling))

    assert ("temperature" in body["generationConfig"]) is kept
    assert outgoing.report.dropped == ([] if kept else ["temperature", "top_p", "top_k"])
    assert body["generationConfig"]["seed"] == 7


def test_t02_limit_above_the_models_own_is_clamped_and_told() -> None:
    body, outgoing = sent(a_chat(max_tokens=100_000), a_target(max_output_tokens=65_536))

    assert body["generationConfig"] == {"maxOutputTokens": 65_536}
    assert outgoing.report == Report(clamped=[("max_tokens", "65536")])


def test_more_stop_sequences_than_it_takes_are_refused() -> None:
    assert sent(a_chat(stop=list("12345")))[0]["generationConfig"] == {"stopSequences": list("12345")}
    with pytest.raises(BadRequest, match="at most 5"):
        sent(a_chat(stop=list("123456")))


# The form of the answer ----------------------------------------------------------------------------------------------
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"const": "Rome"}}}


@pytest.mark.parametrize(
    ("output", "config"),
    [
        (OutputFormat("text"), None),
        (OutputFormat("json"), {"responseMimeType": "application/json"}),
        (
            OutputFormat("schema", SCHEMA, "place", "A place"),
            {
                "responseMimeType": "application/json",
                "responseJsonSchema": {"title": "place", "description": "A place", **SCHEMA},
            },
        ),
    ],
)
def test_form_of_the_answer(output: OutputFormat, config: dict[str, Any] | None) -> None:
    body, outgoing = sent(a_chat(output=output))

    assert body.get("generationConfig") == config
    assert outgoing.report == Report()


def test_name_beside_another_title_is_told() -> None:
    _, outgoing = sent(a_chat(output=OutputFormat("schema", {**SCHEMA, "title": "Place"}, "other")))

    assert outgoing.report == Report(dropped=["name"])


def test_t18_older_models_get_the_answers_schema_as_googles_own() -> None:
    body, _ = sent(a_chat(output=OutputFormat("schema", SCHEMA)), a_target(openapi_schemas=True))

    assert body["generationConfig"]["responseSchema"] == {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING", "enum": ["Rome"]}},
    }


def test_model_that_holds_itself_to_no_schema_refuses_one() -> None:
    with pytest.raises(BadRequest) as raised:
        sent(a_chat(output=OutputFormat("schema", SCHEMA)), a_target(json_schema=False))

    assert raised.value.pointer == "/response_format"


# Thinking ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reasoning", "thinking", "config"),
    [
        (Reasoning(effort="high"), "budget", {"thinkingBudget": 24_576}),
        (Reasoning(effort="max"), "budget", {"thinkingBudget": 24_576}),
        (Reasoning(effort="none"), "budget", {"thinkingBudget": 0}),
        (Reasoning(budget=5_000, show=True), "budget", {"thinkingBudget": 5_000, "includeThoughts": True}),
        (Reasoning(adaptive=True), "budget", {"thinkingBudget": -1}),
        (Reasoning(effort="low"), "level", {"thinkingLevel": "LOW"}),
        (Reasoning(budget=-1), "level", None),
    ],
)
def test_thinking_is_asked_for_as_the_model_is_told(reasoning: Reasoning, thinking: Any, config: Any) -> None:
    body, outgoing = sent(a_chat(reasoning=reasoning), a_target(thinking=thinking))

    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert outgoing.report == Report()


@pytest.mark.parametrize(
    ("reasoning", "efforts", "level"),
    [
        (Reasoning(effort="none"), (), "MINIMAL"),
        (Reasoning(effort="none"), ("low", "high"), "LOW"),
        (Reasoning(effort="max"), (), "HIGH"),
        (Reasoning(effort="medium"), ("low", "high"), "LOW"),
    ],
)
def test_effort_that_is_no_level_becomes_the_nearest_and_is_told(
    reasoning: Reasoning, efforts: tuple[str, ...], level: str
) -> None:
    body, outgoing = sent(a_chat(reasoning=reasoning), a_target(thinking="level", efforts=efforts))

    assert body["generationConfig"]["thinkingConfig"] == {"thinkingLevel": level}
    assert outgoing.report == Report(clamped=[("reasoning", level.lower())])


def test_t30_same_chat_gives_the_same_bytes() -> None:
    chat = a_chat(*a_round(ToolCall("a", "weather", '{"b":1,"a":2}')), tools=[WEATHER], params={"seed": 1, "top_p": 1})

    assert sent(chat)[1].body == sent(chat)[1].body
    assert b'"args":{"b":1,"a":2}' in sent(chat)[1].body
