"""A chat of any caller, written for an upstream. Pure: no test here may touch the database."""

from typing import Any

import pytest

from providers.dialects import canonical as c
from providers.dialects.base import Fetched, Given
from providers.dialects.canonical import (
    BadRequest,
    HostedTool,
    Media,
    OutputFormat,
    Reasoning,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
    Turn,
)
from providers.dialects.registry import UPSTREAMS
from providers.dialects.responses.codec import CODEC
from tests.providers.dialects.responses.factories import (
    DATA,
    SCHEMA,
    WEATHER,
    assistant,
    call,
    chat,
    read,
    target,
    user,
    write,
)


def refused(written: c.Chat, **to: Any) -> BadRequest:
    with pytest.raises(BadRequest) as raised:
        write(written, target(**to))
    assert raised.value.message
    return raised.value


# The conversation ----------------------------------------------------------------------------------------------------
def test_request_is_stateless_and_posted_to_responses() -> None:
    sent = CODEC.write_request(chat(stream=True), target(), Given())

    assert (sent.method, sent.path) == ("POST", "/responses")
    assert sent.body == (b'{"model":"gpt","input":[{"role":"user","content":"Hello"}],"stream":true,"store":false}')


def test_t01_one_system_text_before_all_is_instructions() -> None:
    body, _ = write(chat(Turn("system", [Text("Be brief.")]), user("Hello"), Turn("system", [Text("In French.")])))

    assert body["instructions"] == "Be brief."
    assert body["input"] == [{"role": "user", "content": "Hello"}, {"role": "system", "content": "In French."}]


def test_t01_several_system_texts_stay_blocks_in_order() -> None:
    body, _ = write(
        chat(Turn("system", [Text("One"), Text("Two")]), Turn("system", [Text("Three")]), user("Hello")),
        target(developer_role=True),
    )

    assert "instructions" not in body
    assert body["input"][:2] == [
        {
            "role": "developer",
            "content": [{"type": "input_text", "text": "One"}, {"type": "input_text", "text": "Two"}],
        },
        {"role": "developer", "content": "Three"},
    ]


def test_t21_all_texts_are_kept_in_order_around_reasoning_and_calls() -> None:
    body, _ = write(
        chat(user("A", "B"), assistant("C", Thinking("Hm."), "D", call(), "E"), user("F")),
    )

    assert [item.get("content", item.get("name")) for item in body["input"]] == [
        [{"type": "input_text", "text": "A"}, {"type": "input_text", "text": "B"}],
        "C",
        "D",
        "get_weather",
        "E",
        "F",
    ]


def test_t06_results_are_items_and_empty_texts_none() -> None:
    body, _ = write(
        chat(
            user("Weather?"),
            assistant("", call("call_1"), call("call_2")),
            Turn("tool", [ToolResult("call_1", "get_weather", [Text("24")]), ToolResult("call_2", "get_weather")]),
            user("", "Quick."),
        )
    )

    assert body["input"][1:] == [
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city":"Rome"}'},
        {"type": "function_call", "call_id": "call_2", "name": "get_weather", "arguments": '{"city":"Rome"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "24"},
        {"type": "function_call_output", "call_id": "call_2", "output": ""},
        {"role": "user", "content": "Quick."},
    ]


def test_result_that_failed_is_told_as_lost() -> None:
    _, report = write(chat(Turn("tool", [ToolResult("call_1", "f", [Text("No.")], is_error=True)])))

    assert report.dropped == ["is_error"]


def test_t05_arguments_are_text_whatever_they_are() -> None:
    body, _ = write(chat(assistant(call("a", ""), call("b", "{}"), call("c", "{city"))))

    assert [item["arguments"] for item in body["input"]] == ["{}", "{}", "{city"]


def test_t08_ids_fit_the_providers_pattern_in_calls_and_results_alike() -> None:
    body, _ = write(
        chat(assistant(call("call:1/é")), Turn("tool", [ToolResult("call:1/é", "f", [Text("24")])])),
        target(tool_id="word64"),
    )

    first, second = (item["call_id"] for item in body["input"])
    assert first == second
    assert first.isalnum()


def test_refusal_of_the_model_goes_back_as_one() -> None:
    body, _ = write(chat(user("Harm!"), assistant(Refusal("No.")), user("Why?")))

    assert body["input"][1] == {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}


# Media ---------------------------------------------------------------------------------------------------------------
def test_media_go_by_bytes_or_address() -> None:
    body, report = write(
        chat(
            user(
                Media("image", "image/png", DATA),
                Media("image", url="https://media.example/a.png", detail="high"),
                Media("document", "application/pdf", DATA),
                Media("document", url="https://media.example/b.pdf"),
                Media("audio", "audio/mpeg", DATA),
                Media("document", "text/plain", text="Terms"),
            )
        )
    )

    assert body["input"][0]["content"] == [
        {"type": "input_image", "image_url": f"data:image/png;base64,{DATA}", "detail": "auto"},
        {"type": "input_image", "image_url": "https://media.example/a.png", "detail": "high"},
        {"type": "input_file", "file_data": f"data:application/pdf;base64,{DATA}", "filename": "document.pdf"},
        {"type": "input_file", "file_url": "https://media.example/b.pdf"},
        {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}},
        {"type": "input_text", "text": "Terms"},
    ]
    assert (report.dropped, report.emulated) == ([], ["document"])


def test_t20_media_are_fetched_for_a_provider_that_takes_bytes_only() -> None:
    url = "https://media.example/a.png"
    written = chat(user(Media("image", url=url)), Turn("tool", [ToolResult("c", "f", [Media("image", url=url)])]))
    to = target(media_urls=False)

    assert CODEC.wanted_media(written, target()) == []
    assert CODEC.wanted_media(written, to) == [url]
    body, _ = write(written, to, media={url: Fetched(DATA, "image/png")})
    assert body["input"][0]["content"][0]["image_url"] == f"data:image/png;base64,{DATA}"
    assert body["input"][1]["output"][0]["image_url"] == f"data:image/png;base64,{DATA}"


@pytest.mark.parametrize(
    ("media", "inputs"),
    [
        (Media("video", "video/mp4", DATA), frozenset()),
        (Media("audio", "audio/flac", DATA), frozenset()),
        (Media("image", "image/png", DATA), frozenset({"text"})),
    ],
)
def test_media_that_cannot_be_read_are_refused(media: Media, inputs: frozenset[str]) -> None:
    assert refused(chat(user(media)), model={"inputs": inputs}).pointer == "/messages"


# Reasoning -----------------------------------------------------------------------------------------------------------
def test_t10_reasoning_goes_back_to_the_model_that_signed_it_and_to_no_other() -> None:
    mine, theirs = Signature("responses", "gpt", "gAAA"), Signature("responses", "o9", "gBBB")
    written = chat(
        assistant(
            Thinking("One.", mine),
            Thinking("", mine),
            Thinking("Two.", theirs),
            Thinking("Three.", Signature("anthropic", "claude", "sig")),
            Thinking("", Signature("anthropic", "claude", ""), redacted="xyz"),
            call(),
        )
    )

    body, report = write(written)

    assert body["input"][:-1] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "One."}], "encrypted_content": "gAAA"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
    ]
    assert report.dropped == ["thinking", "redacted_thinking"]


def test_t10_reasoning_is_echoed_as_text_where_the_provider_wants_it() -> None:
    body, report = write(chat(assistant(Thinking("Hm."), call())), target(reasoning_echo=True))

    assert body["input"][0] == {
        "type": "reasoning",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
    }
    assert report.dropped == []


def test_t09_signature_of_another_vendor_does_not_reach_this_one() -> None:
    body, report = write(chat(assistant(call(signature=Signature("gemini", "gemini", "sig")))))

    assert "sig" not in str(body)
    assert report.dropped == ["signature"]


@pytest.mark.parametrize(
    ("asked", "efforts", "written", "clamped"),
    [
        (Reasoning("high"), (), {"effort": "high"}, []),
        (Reasoning("max"), ("low", "medium", "high"), {"effort": "high"}, [("reasoning", "effort high")]),
        (Reasoning(budget=1024), (), {"effort": "low"}, [("reasoning", "effort low")]),
        (Reasoning(budget=30_000), (), {"effort": "high"}, [("reasoning", "effort high")]),
        (Reasoning(budget=0), ("none", "low"), {"effort": "none"}, [("reasoning", "effort none")]),
        (Reasoning("low", show=True), (), {"effort": "low", "summary": "auto"}, []),
        (Reasoning(adaptive=True, budget=-1, show=True), (), {"summary": "auto"}, []),
    ],
)
def test_reasoning_is_an_effort_and_a_summary(
    asked: Reasoning, efforts: tuple[str, ...], written: dict[str, Any], clamped: list[tuple[str, str]]
) -> None:
    body, report = write(chat(reasoning=asked), target(model={"efforts": efforts}))

    assert body["reasoning"] == written
    assert report.clamped == clamped


def test_reasoning_comes_back_encrypted_when_it_was_asked_for() -> None:
    assert write(chat(reasoning=Reasoning("low")))[0]["include"] == ["reasoning.encrypted_content"]
    assert "include" not in write(chat())[0]
    assert "include" not in write(chat(reasoning=Reasoning("none")))[0]


def test_reasoning_that_cannot_be_switched_off_is_told() -> None:
    body, report = write(chat(reasoning=Reasoning(budget=0)))

    assert "reasoning" not in body
    assert report.dropped == ["reasoning"]


# Tools ---------------------------------------------------------------------------------------------------------------
def test_tools_are_flat_and_not_strict_unless_asked() -> None:
    body, _ = write(chat(tools=[WEATHER, c.Tool("now"), c.Tool("any", parameters={"type": "object"}, strict=True)]))

    assert body["tools"] == [
        {
            "type": "function",
            "name": "get_weather",
            "description": "Tells it.",
            "parameters": SCHEMA,
            "strict": False,
        },
        {"type": "function", "name": "now", "parameters": None, "strict": False},
        {"type": "function", "name": "any", "parameters": {"type": "object", "properties": {}}, "strict": True},
    ]


def test_t07_tools_are_withheld_where_none_cannot_be_said() -> None:
    written = chat(tools=[WEATHER], tool_choice=ToolChoice("none"))

    assert write(written)[0]["tool_choice"] == "none"
    body, _ = write(written, target(tool_choices=frozenset({"auto"})))
    assert not {"tools", "tool_choice"} & set(body)


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("named", "get_weather")])
def test_t07_tool_that_cannot_be_enforced_is_refused(choice: ToolChoice) -> None:
    written = chat(tools=[WEATHER], tool_choice=choice)

    assert write(written)[0]["tool_choice"] in ("required", {"type": "function", "name": "get_weather"})
    assert refused(written, tool_choices=frozenset({"auto", "none"})).pointer == "/tool_choice"


def test_tools_of_another_provider_or_for_a_model_without_are_refused() -> None:
    hosted = HostedTool("anthropic", "web_search_20250305", {"type": "web_search_20250305"})

    assert refused(chat(tools=[hosted])).pointer == "/tools"
    assert refused(chat(tools=[WEATHER]), model={"tools": False}).pointer == "/tools"


def test_one_call_at_a_time_is_asked_for_or_told_as_lost() -> None:
    written = chat(tools=[WEATHER], parallel_tools=False, names={"parallel_tools": "parallel_tool_calls"})

    assert write(written)[0]["parallel_tool_calls"] is False
    assert write(written, target(parallel_tools=False))[1].dropped == ["parallel_tool_calls"]


# Form and parameters -------------------------------------------------------------------------------------------------
def test_schema_is_the_format_of_the_text() -> None:
    written = chat(output=OutputFormat("schema", SCHEMA, strict=True), params={"verbosity": "low"})

    assert write(written)[0]["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True},
        "verbosity": "low",
    }
    assert write(chat(output=OutputFormat("json")))[0]["text"] == {"format": {"type": "json_object"}}
    assert refused(written, model={"json_schema": False}).pointer == "/output"


def test_t02_limit_is_never_more_than_the_model_takes() -> None:
    body, report = write(chat(max_tokens=9_000), target(model={"max_output_tokens": 4_096}))

    assert body["max_output_tokens"] == 4_096
    assert report.clamped == [("max_tokens", "4096")]
    assert "max_output_tokens" not in write(chat())[0]


def test_t03_temperature_out_of_range_is_clamped_and_told() -> None:
    body, report = write(chat(params={"temperature": 1.5}), target(max_temperature=1.0))

    assert body["temperature"] == 1.0
    assert report.clamped == [("temperature", "1")]


@pytest.mark.parametrize(
    ("sampling", "reasoning", "kept"),
    [
        ("yes", None, True),
        ("no", Reasoning("none"), False),
        ("effort-none", Reasoning("none"), True),
        ("effort-none", Reasoning("low"), False),
    ],
)
def test_t03_sampling_that_the_model_refuses_is_dropped_and_told(
    sampling: str, reasoning: Reasoning | None, *, kept: bool
) -> None:
    written = chat(params={"temperature": 0.5, "top_p": 0.9}, reasoning=reasoning)

    body, report = write(written, target(model={"sampling": sampling}))

    assert ({"temperature", "top_p"} <= set(body)) is kept
    assert report.dropped == ([] if kept else ["temperature", "top_p"])


def test_t22_what_changes_the_answer_is_refused_and_the_rest_dropped_and_told() -> None:
    dropped = {"seed": 7, "logit_bias": {"1": 2}, "frequency_penalty": 1, "top_k": 5, "prediction": {}}
    body, report = write(chat(params={**dropped, "n": 1, "user": "u", "service_tier": "standard_only"}))

    assert report.dropped == [*dropped, "service_tier"]
    assert body["user"] == "u"
    assert refused(chat(params={"n": 2})).pointer == "/n"
    assert refused(chat(stop=["END"])).pointer == "/stop"


def test_t22_parameter_that_the_provider_refuses_is_dropped_by_the_callers_name() -> None:
    written = chat(params={"verbosity": "low"}, names={"verbosity": "text/verbosity"})

    assert write(written, target(refuses=frozenset({"verbosity"})))[1].dropped == ["text/verbosity"]


def test_t22_extras_of_another_dialect_are_told_once() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    tool = c.Tool("f", extras=mark)

    _, report = write(chat(user(Text("A", mark), Text("B", mark)), tools=[tool], extras={"top_a": 0.5}))

    assert report.dropped == ["cache_control", "top_a"]


def test_log_probabilities_are_included() -> None:
    body, _ = write(chat(params={"logprobs": True, "top_logprobs": 2}))

    assert (body["include"], body["top_logprobs"]) == (["message.output_text.logprobs"], 2)


# Callers of Responses, elsewhere -------------------------------------------------------------------------------------
@pytest.mark.parametrize("upstream", sorted(set(UPSTREAMS) - {"responses"}))
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"store": True}, "/store"),
        ({"background": True}, "/background"),
        ({"previous_response_id": "resp_1"}, "/previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "/conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "/prompt"),
        ({"input": [{"role": "user", "content": "Go on."}, {"id": "msg_1"}]}, "/input/1"),
        ({"tools": [{"type": "web_search"}]}, "/tools"),
        ({"tools": [{"type": "custom", "name": "note"}]}, "/tools"),
    ],
)
def test_what_only_providers_of_responses_keep_or_run_is_refused_elsewhere(
    changes: dict[str, Any], pointer: str, upstream: str
) -> None:
    written = read(max_output_tokens=100, **changes)

    with pytest.raises(BadRequest) as raised:
        UPSTREAMS[upstream].write_request(written, target(), Given())

    assert raised.value.pointer.startswith(pointer)


@pytest.mark.parametrize("upstream", sorted(set(UPSTREAMS) - {"responses"}))
def test_request_that_keeps_nothing_is_carried_by_every_upstream(upstream: str) -> None:
    written = read(max_output_tokens=100, store=False, include=["reasoning.encrypted_content"], truncation="disabled")

    report = UPSTREAMS[upstream].write_request(written, target(), Given()).report

    # A chat's `store` means another thing to OpenAI, and the same to the caller.
    assert report.dropped == ([] if upstream == "openai" else ["store"])


def test_reasoning_of_an_earlier_provider_is_not_sent_to_this_one() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": "~apk:anthropic:claude:sig",
    }

    body, report = write(read(input=[item, {"role": "user", "content": "Hello"}]))

    assert body["input"] == [{"role": "user", "content": "Hello"}]
    assert report.dropped == ["thinking"]


def test_text_that_was_changed_since_it_was_read_is_written_as_it_is() -> None:
    """Masking replaces what it must; the rest stays."""
    signed = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "A secret."}]}
    written = read(input=[{**signed, "encrypted_content": "g"}, {"role": "user", "content": "secret"}])
    thinking, text = written.turns[0].parts[0], written.turns[1].parts[0]
    assert isinstance(thinking, Thinking)
    assert isinstance(text, Text)
    thinking.text, text.text = "A ***.", "***"

    body, _ = write(written)

    assert body["input"][0]["summary"] == [{"type": "summary_text", "text": "A ***."}]
    assert body["input"][1] == {"role": "user", "content": "***"}
