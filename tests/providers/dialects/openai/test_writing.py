"""A chat of any dialect as it is asked of an OpenAI-compatible upstream. Pure."""

import json
from typing import Any, Final

import pytest

from providers.dialects import canonical as c
from providers.dialects.base import Fetched, Given, Outgoing, Target
from providers.dialects.canonical import BadRequest, Chat, Media, Text, ToolCall, ToolResult, Turn
from providers.dialects.openai.codec import CODEC
from providers.dialects.profile import ModelFacts, Profile

USER: Final = Turn("user", [Text("hello")])
TOOL: Final = c.Tool("weather", "Of a city", {"type": "object", "properties": {"city": {"type": "string"}}})
SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "integer"}}}


def target(model: dict[str, Any] | None = None, **flags: Any) -> Target:
    return Target(Profile("custom", "Custom", **flags), ModelFacts("m", **(model or {})))


def chat(*turns: Turn, **members: Any) -> Chat:
    """Of another dialect."""
    return Chat("anthropic", "asked", list(turns) or [USER], **members)


def sent(asked: Chat, to: Target | None = None, given: Given | None = None) -> Outgoing:
    return CODEC.write_request(asked, to or target(), given or Given())


def body(asked: Chat, to: Target | None = None, given: Given | None = None) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(sent(asked, to, given).body)
    return content


def messages(*turns: Turn, to: Target | None = None, **members: Any) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = body(chat(*turns, **members), to)["messages"]
    return written


def refused(asked: Chat, to: Target | None = None) -> str:
    with pytest.raises(BadRequest) as caught:
        sent(asked, to)
    return caught.value.pointer


def called(*ids: str) -> list[c.Part]:
    return [ToolCall(call_id, "weather", "{}") for call_id in ids]


# The whole -----------------------------------------------------------------------------------------------------------
def test_request_names_the_model_as_the_provider_does() -> None:
    outgoing = sent(chat(stream=True))

    assert (outgoing.method, outgoing.path) == ("POST", "/chat/completions")
    assert dict(outgoing.headers) == {"content-type": "application/json", "accept": "text/event-stream"}
    assert json.loads(outgoing.body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert outgoing.report == c.Report()


def test_t12_usage_is_not_asked_of_those_who_refuse() -> None:
    assert "stream_options" not in body(chat(stream=True), target(stream_options=False))


# Turns ---------------------------------------------------------------------------------------------------------------
def test_t01_each_system_turn_is_a_message_of_all_its_blocks() -> None:
    blocks = Turn("system", [Text("one"), Text("two", {"cache_control": {}})])
    outgoing = sent(chat(blocks, USER, Turn("system", [Text("three")])))

    assert json.loads(outgoing.body)["messages"] == [
        {"role": "system", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "user", "content": "hello"},
        {"role": "system", "content": "three"},
    ]
    assert outgoing.report.dropped == ["cache_control"]


def test_t21_texts_are_joined_with_nothing_where_only_one_is_taken() -> None:
    turns = [Turn("user", [Text("a"), Text("b")]), Turn("assistant", [Text("c"), Text("d")])]

    assert [m["content"] for m in messages(*turns, to=target(content_parts=False))] == ["ab", "cd"]


def test_t06_results_follow_their_calls_and_empty_turns_are_left_out() -> None:
    written = messages(
        Turn("user", [Text("")]),
        Turn("assistant", [Text(""), *called("a", "b")]),
        Turn("tool", [ToolResult("a"), ToolResult("b", parts=[Text("x"), Text("y")])]),
        Turn("assistant", [c.Thinking("hm")]),
        USER,
    )

    assert written == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": ""},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}],
        },
        {"role": "user", "content": "hello"},
    ]


def test_t06_media_of_a_result_stand_in_the_next_message() -> None:
    picture = Media("image", "image/png", "AAAA")
    turns = [Turn("assistant", called("a")), Turn("tool", [ToolResult("a", parts=[Text("see"), picture])])]
    piece = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    followed, alone, before = (messages(*turns, *more) for more in ([USER], [], [Turn("assistant", [Text("ok")])]))

    assert followed[1:] == [
        {"role": "tool", "tool_call_id": "a", "content": "see"},
        {"role": "user", "content": [piece, {"type": "text", "text": "hello"}]},
    ]
    assert alone[2:] == [{"role": "user", "content": [piece]}]
    assert before[2:] == [{"role": "user", "content": [piece]}, {"role": "assistant", "content": "ok"}]
    assert sent(chat(*turns)).report.emulated == ["image_url"]


def test_failed_result_is_told_as_far_as_it_can_be() -> None:
    outgoing = sent(
        chat(Turn("assistant", called("a")), Turn("tool", [ToolResult("a", parts=[Text("x")], is_error=True)]))
    )

    assert outgoing.report.dropped == ["is_error"]


def test_t08_ids_fit_the_provider_and_agree() -> None:
    turns = [
        Turn("assistant", called("toolu_01ADw53o3uvrGvccVaVYUX4G", "Abcdefg12")),
        Turn("tool", [ToolResult("toolu_01ADw53o3uvrGvccVaVYUX4G")]),
    ]

    assistant, result = messages(*turns, to=target(tool_id="alnum9"))

    made, kept = (call["id"] for call in assistant["tool_calls"])
    assert kept == "Abcdefg12"
    assert len(made) == 9
    assert result["tool_call_id"] == made


def test_t05_arguments_that_are_no_json_stay_as_they_are() -> None:
    assert (
        messages(Turn("assistant", [ToolCall("a", "x", "{oops")]))[0]["tool_calls"][0]["function"]["arguments"]
        == "{oops"
    )


def test_names_of_participants_need_a_provider_that_takes_them() -> None:
    named = Turn("user", [Text("hello")], {"name": "ada"})

    assert messages(named, to=target(name_field=True)) == [{"role": "user", "content": "hello", "name": "ada"}]
    assert sent(chat(named)).report.dropped == ["name"]


def test_what_only_another_dialect_knows_is_reported() -> None:
    outgoing = sent(
        chat(
            Turn("user", [c.Opaque("anthropic", "server_tool_use", {}), Text("x")], {"odd": 1}),
            extras={"container": "c"},
        )
    )

    assert outgoing.report.dropped == ["server_tool_use", "odd", "container"]


# Media ---------------------------------------------------------------------------------------------------------------
def test_media_are_written_as_the_dialect_has_them() -> None:
    parts: list[c.Part] = [
        Media("image", url="https://x/a.png", detail="high"),
        Media("audio", "audio/wav", "AA"),
        Media("video", "video/mp4", "BB"),
        Media("document", "application/pdf", "CC", name="a.pdf"),
        Media("document", "application/pdf", "CC"),
        Media("document", "text/plain", text="plain", name="a.txt"),
    ]

    assert messages(Turn("user", parts))[0]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "high"}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,BB"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,CC"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,CC", "filename": "document.pdf"}},
        {"type": "text", "text": "a.txt:\nplain"},
    ]


def test_t20_what_must_be_bytes_is_named_and_then_put_in() -> None:
    picture, paper, sound = "https://x/a.png", "https://x/a.pdf", "https://x/a.mp3"
    asked = chat(
        Turn("user", [Media("image", url=picture), Media("document", url=paper), Media("audio", url=sound)]),
        Turn("tool", [ToolResult("a", parts=[Media("document", url=paper)])]),
    )

    assert CODEC.wanted_media(asked, target()) == [paper, sound]
    assert CODEC.wanted_media(asked, target(media_urls=False)) == [picture, paper, sound]
    assert CODEC.wanted_media(asked, target(document_part="document_url")) == [sound]
    given = Given(
        {
            sound: Fetched("AA", "audio/mpeg"),
            paper: Fetched("BB", "application/pdf"),
            picture: Fetched("CC", "image/png"),
        }
    )
    assert body(asked, given=given)["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,CC"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,BB", "filename": "document.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
    ]


def test_mistral_takes_documents_by_their_address() -> None:
    parts: list[c.Part] = [Media("document", url="https://x/a.pdf"), Media("document", "application/pdf", "CC")]

    assert messages(Turn("user", parts), to=target(document_part="document_url"))[0]["content"] == [
        {"type": "document_url", "document_url": "https://x/a.pdf"},
        {"type": "document_url", "document_url": "data:application/pdf;base64,CC"},
    ]


@pytest.mark.parametrize(
    ("turn", "model"),
    [
        (Turn("user", [Media("image", file_id="file-1")]), {}),
        (Turn("user", [Media("document", file_id="file-1")]), {}),
        (Turn("user", [Media("audio", url="https://x/a")]), {}),
        (Turn("assistant", [Media("image", "image/png", "AA")]), {}),
        (Turn("user", [Media("image", "image/png", "AA")]), {"inputs": frozenset({"text"})}),
    ],
)
def test_medium_that_cannot_be_carried_is_refused(turn: Turn, model: dict[str, Any]) -> None:
    assert refused(chat(turn), target(model)) == "/messages"


# Reasoning of earlier turns ------------------------------------------------------------------------------------------
def signed(dialect: str, model: str, text: str = "sig") -> c.Thinking:
    return c.Thinking("deep", c.Signature(dialect, model, text) if dialect else None)


def replayed(*parts: c.Part, to: Target | None = None) -> tuple[dict[str, Any], list[str]]:
    outgoing = sent(chat(Turn("assistant", list(parts))), to)
    return json.loads(outgoing.body)["messages"][0], outgoing.report.dropped


def test_t10_signed_reasoning_goes_back_to_the_model_that_signed_it() -> None:
    message, dropped = replayed(signed("openai", "m"), Text("x"))

    assert message["reasoning_details"] == [{"type": "reasoning.text", "text": "deep", "signature": "sig"}]
    assert dropped == []


@pytest.mark.parametrize(
    "part", [signed("openai", "other"), signed("anthropic", "m"), c.Thinking("", redacted="sealed")]
)
def test_t10_reasoning_of_another_model_is_left_out_and_told(part: c.Thinking) -> None:
    message, dropped = replayed(part, Text("x"))

    assert message == {"role": "assistant", "content": "x"}
    assert dropped[0] == "thinking"


def test_t10_deepseek_gets_reasoning_back_with_its_calls() -> None:
    echoing = target(reasoning_echo=True)

    assert replayed(signed("", ""), *called("a"), to=echoing)[0]["reasoning_content"] == "deep"
    # It refuses a call without any.
    assert replayed(signed("anthropic", "m"), *called("a"), to=echoing)[0]["reasoning_content"] == " "
    assert "reasoning_content" not in replayed(signed("", ""), Text("x"), to=echoing)[0]
    assert "reasoning_content" not in replayed(signed("", ""), *called("a"))[0]


def test_t10_reasoning_of_this_dialect_goes_where_the_provider_takes_it() -> None:
    spelt = c.Thinking("deep", spelling={"~field": "reasoning"})
    own = Chat("openai", "asked", [Turn("assistant", [spelt, Text("x")])])

    assert body(own, target(reasoning_fields=frozenset({"reasoning"})))["messages"][0]["reasoning"] == "deep"
    assert "reasoning" not in body(own, target(reasoning_fields=frozenset({"reasoning_content"})))["messages"][0]


@pytest.mark.parametrize(
    ("signature", "kept", "shown"),
    [
        (c.Signature("openai", "m", "sig"), "", "sig"),
        (c.Signature("openai", "other", "sig"), "", None),
        (c.Signature("gemini", "m", "sig"), "", None),
        (None, "~apk:openai:m:sig", "sig"),
        (None, "~apk:gemini:m:sig", None),
    ],
)
def test_t09_signature_of_a_call_goes_back_to_its_model(
    signature: c.Signature | None, kept: str, shown: str | None
) -> None:
    asked = chat(Turn("assistant", [ToolCall("a", "weather", "{}", signature)]))

    entry = body(asked, given=Given(signatures={"a": kept} if kept else {}))["messages"][0]["tool_calls"][0]

    assert entry.get("extra_content") == (shown and {"google": {"thought_signature": shown}})


# Parameters ----------------------------------------------------------------------------------------------------------
def test_parameters_have_the_providers_names() -> None:
    asked = chat(max_tokens=9, stop=["x"], params={"temperature": 0.5, "seed": 7, "top_k": 3, "user": "u", "n": 2})

    written = body(asked, target(max_tokens_field="max_completion_tokens", seed_field="random_seed"))

    told = {
        "max_completion_tokens": 9,
        "stop": ["x"],
        "temperature": 0.5,
        "random_seed": 7,
        "top_k": 3,
        "user": "u",
        "n": 2,
    }
    assert {name: written[name] for name in told} == told


def test_t02_limit_is_never_more_than_the_model_takes() -> None:
    outgoing = sent(chat(max_tokens=9000, names={"max_tokens": "maxOutputTokens"}), target({"max_output_tokens": 4096}))

    assert json.loads(outgoing.body)["max_tokens"] == 4096
    assert outgoing.report.clamped == [("maxOutputTokens", "4096")]
    assert "max_tokens" not in body(chat())


def test_t03_temperature_is_clamped_and_told() -> None:
    outgoing = sent(chat(params={"temperature": 1.7}), target(max_temperature=1.0))

    assert json.loads(outgoing.body)["temperature"] == 1.0
    assert outgoing.report.clamped == [("temperature", "1")]


@pytest.mark.parametrize(
    ("sampling", "reasoning", "dropped"),
    [
        ("yes", None, []),
        ("no", None, ["temperature"]),
        ("effort-none", None, ["temperature"]),
        ("effort-none", c.Reasoning("low"), ["temperature"]),
        ("effort-none", c.Reasoning("none"), []),
    ],
)
def test_t03_sampling_that_a_model_refuses_is_left_out(
    sampling: str, reasoning: c.Reasoning | None, dropped: list[str]
) -> None:
    outgoing = sent(chat(params={"temperature": 0.5, "user": "u"}, reasoning=reasoning), target({"sampling": sampling}))

    written = json.loads(outgoing.body)
    assert [name for name in ("temperature", "user") if name not in written] == dropped
    assert outgoing.report.dropped == dropped


def test_t22_parameter_that_a_provider_lacks_is_left_out_and_told_by_the_callers_name() -> None:
    asked = chat(params={"seed": 7, "truncation": "auto"}, names={"seed": "generationConfig/seed"})
    outgoing = sent(asked, target(refuses=frozenset({"seed"})))

    assert outgoing.report.dropped == ["generationConfig/seed", "truncation"]
    assert b"seed" not in outgoing.body


@pytest.mark.parametrize(
    ("params", "to", "pointer"),
    [
        ({"n": 2}, target(refuses=frozenset({"n"})), "/n"),
        ({"logprobs": True}, target(refuses=frozenset({"logprobs"})), "/logprobs"),
        ({"previous_response_id": "resp_1"}, target(), "/previous_response_id"),
        ({"cached_content": "x"}, target(), "/cachedContent"),
    ],
)
def test_t22_what_would_change_the_answer_is_refused(params: dict[str, Any], to: Target, pointer: str) -> None:
    assert refused(chat(params=params, names={"cached_content": "cachedContent"}), to) == pointer


def test_one_answer_is_no_demand() -> None:
    outgoing = sent(chat(params={"n": 1, "logprobs": False}), target(refuses=frozenset({"n", "logprobs"})))

    assert json.loads(outgoing.body).keys() == {"model", "messages"}


def test_too_many_stop_sequences_are_refused() -> None:
    assert refused(chat(stop=list("abcde"), names={"stop": "stop_sequences"})) == "/stop_sequences"
    assert body(chat(stop=list("abcde")), target(max_stop=None))["stop"] == list("abcde")


# Tools ---------------------------------------------------------------------------------------------------------------
def choice(to: Target | None = None, *, tools: int = 2, **members: Any) -> Any:
    all_tools = [TOOL, c.Tool("time", parameters={"type": "object"})][:tools]
    return body(chat(tools=all_tools, **members), to).get("tool_choice")


def test_tools_are_functions() -> None:
    outgoing = sent(chat(tools=[c.Tool("time", parameters={"type": "object"}, strict=True), c.Tool("x")]))

    assert json.loads(outgoing.body)["tools"] == [
        {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}},
        {"type": "function", "function": {"name": "x"}},
    ]
    assert outgoing.report.dropped == ["strict"]
    assert (
        body(chat(tools=[c.Tool("x", strict=True)]), target(strict_tools=True))["tools"][0]["function"]["strict"]
        is True
    )


def test_t07_choice_of_tools_is_written_as_the_provider_has_it() -> None:
    named, required = c.ToolChoice("named", "weather"), c.ToolChoice("required")

    assert choice(tool_choice=c.ToolChoice("none")) == "none"
    assert choice(tool_choice=required) == "required"
    assert choice(target(required_word="any"), tool_choice=required) == "any"
    assert choice(tool_choice=named) == {"type": "function", "function": {"name": "weather"}}
    # Of one tool, both are the same.
    assert choice(target(tool_choices=frozenset({"required"})), tools=1, tool_choice=named) == "required"
    only_named = target(tool_choices=frozenset({"named"}))
    assert choice(only_named, tools=1, tool_choice=required) == {"type": "function", "function": {"name": "weather"}}


def test_t07_tools_that_may_not_be_called_are_withheld_where_none_cannot_be_said() -> None:
    written = body(chat(tools=[TOOL], tool_choice=c.ToolChoice("none")), target(tool_choices=frozenset({"auto"})))

    assert written.keys() == {"model", "messages"}


def test_t07_choice_that_cannot_be_enforced_is_refused() -> None:
    only_auto = target(tool_choices=frozenset({"auto"}))
    names = {"tool_choice": "toolConfig"}

    assert refused(chat(tools=[TOOL], tool_choice=c.ToolChoice("required"), names=names), only_auto) == "/toolConfig"
    assert refused(chat(tools=[TOOL], tool_choice=c.ToolChoice("named", "weather")), only_auto) == "/tool_choice"


def test_tools_are_narrowed_to_those_that_are_allowed() -> None:
    written = body(chat(tools=[TOOL, c.Tool("time")], tool_choice=c.ToolChoice("required", allowed=("time",))))

    assert [tool["function"]["name"] for tool in written["tools"]] == ["time"]
    assert written["tool_choice"] == "required"


def test_one_call_at_a_time_is_asked_for_or_told() -> None:
    asked = chat(tools=[TOOL], parallel_tools=False, names={"parallel_tools": "disable_parallel_tool_use"})

    assert body(asked)["parallel_tool_calls"] is False
    assert sent(asked, target(parallel_tools=False)).report.dropped == ["disable_parallel_tool_use"]
    assert "parallel_tool_calls" not in body(chat(parallel_tools=False))


def test_tool_that_another_provider_runs_is_refused() -> None:
    assert refused(chat(tools=[TOOL, c.HostedTool("anthropic", "web_search_20250305", {})])) == "/tools"


@pytest.mark.parametrize("model", [{"tools": False}, {"chat_tools": "responses-only"}])
def test_tools_that_a_model_does_not_take_are_refused(model: dict[str, Any]) -> None:
    assert refused(chat(tools=[TOOL]), target(model)) == "/tools"


# Output and reasoning ------------------------------------------------------------------------------------------------
def formatted(**members: Any) -> c.OutputFormat:
    return c.OutputFormat("schema", SCHEMA, **members)


def test_schema_is_asked_for() -> None:
    written = body(chat(output=formatted(strict=True)), target(json_schema=True))

    schema = {"schema": SCHEMA, "name": "answer", "strict": True}
    assert written["response_format"] == {"type": "json_schema", "json_schema": schema}


@pytest.mark.parametrize("to", [target(), target({"json_schema": False}, json_schema=True)])
def test_schema_is_emulated_where_only_json_can_be_asked_for(to: Target) -> None:
    system = Turn("system", [Text("Be brief.")])
    outgoing = sent(chat(system, USER, output=formatted(), names={"output": "output_config/format"}), to)

    written = json.loads(outgoing.body)
    assert written["response_format"] == {"type": "json_object"}
    assert [m["role"] for m in written["messages"]] == ["system", "system", "user"]
    assert json.dumps(SCHEMA, separators=(",", ":")) in written["messages"][1]["content"]
    assert outgoing.report.emulated == ["output_config/format"]


def test_json_that_cannot_be_asked_for_is_refused() -> None:
    assert (
        refused(chat(output=c.OutputFormat("json"), names={"output": "format"}), target(json_object=False)) == "/format"
    )


@pytest.mark.parametrize(
    ("reasoning", "efforts", "effort", "clamped"),
    [
        (c.Reasoning("high"), (), "high", []),
        (c.Reasoning("max"), ("low", "medium", "high"), "high", [("thinking", "high")]),
        (c.Reasoning("none"), ("minimal", "low"), "minimal", [("thinking", "minimal")]),
        (c.Reasoning(budget=1024), (), "low", [("thinking", "low")]),
        (c.Reasoning(budget=8000), (), "medium", [("thinking", "medium")]),
        (c.Reasoning(budget=32000), (), "high", [("thinking", "high")]),
        (c.Reasoning(budget=0), (), "none", [("thinking", "none")]),
        (c.Reasoning(budget=-1), (), None, []),
        (c.Reasoning(adaptive=True), (), None, []),
    ],
)
def test_effort_is_asked_for_as_the_model_takes_it(
    reasoning: c.Reasoning, efforts: tuple[str, ...], effort: str | None, clamped: list[tuple[str, str]]
) -> None:
    outgoing = sent(chat(reasoning=reasoning, names={"reasoning": "thinking"}), target({"efforts": efforts}))

    assert json.loads(outgoing.body).get("reasoning_effort") == effort
    assert outgoing.report.clamped == clamped


def test_effort_is_left_out_where_it_is_refused() -> None:
    outgoing = sent(chat(reasoning=c.Reasoning("low")), target(refuses=frozenset({"reasoning"})))

    assert b"effort" not in outgoing.body
    assert outgoing.report.dropped == ["reasoning"]


def test_model_that_takes_tools_without_reasoning_only_is_told_so() -> None:
    outgoing = sent(chat(tools=[TOOL], reasoning=c.Reasoning("high")), target({"chat_tools": "effort-none"}))

    assert json.loads(outgoing.body)["reasoning_effort"] == "none"
    assert outgoing.report.clamped == [("reasoning", "none")]
