"""Streams of providers, and what callers get of them. Pure."""

import json
from typing import Any, Final

import pytest

from providers.dialects import canonical as c
from providers.dialects.base import Asked, Target
from providers.dialects.canonical import Chat, Delta, End, Event, Failed, PartEnd, PartStart, Stop, Stopped, ToolCall
from providers.dialects.openai.codec import CODEC
from providers.dialects.profile import ModelFacts, Profile
from providers.dialects.usage import Usage
from tests.providers.dialects.said import gathered

DONE: Final = b"data: [DONE]\n\n"


def chunk(delta: Any = None, finish: Any = None, *, index: int = 0, **members: Any) -> bytes:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    content = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "gpt", "choices": [choice]}
    return b"data: " + json.dumps({**content, **members}).encode() + b"\n\n"


def fragment(index: int | None = 0, arguments: Any = None, **members: Any) -> bytes:
    function = {name: members.pop(name) for name in ("name",) if name in members}
    if arguments is not None:
        function["arguments"] = arguments
    place = {} if index is None else {"index": index}
    return chunk({"tool_calls": [{**place, **members, "function": function}]})


def events(*chunks: bytes, **flags: Any) -> list[Event]:
    reader = CODEC.stream_reader(Target(Profile("custom", "Custom", **flags), ModelFacts("m")))
    return [*reader.feed(b"".join(chunks)), *reader.close()]


def parts(*chunks: bytes) -> list[c.Part]:
    return gathered(events(*chunks, DONE)).choices[0].parts


def calls(*chunks: bytes) -> list[tuple[str, str, str]]:
    return [(part.id, part.name, part.arguments) for part in parts(*chunks) if isinstance(part, ToolCall)]


# Reading -------------------------------------------------------------------------------------------------------------
def test_stream_is_read() -> None:
    read = events(chunk({"role": "assistant", "content": ""}), chunk({"content": "hi"}), chunk(finish="stop"), DONE)

    assert read == [
        c.Start("chatcmpl-1", "gpt", 7),
        PartStart(0, "text"),
        Delta(0, "hi"),
        PartEnd(0),
        Stopped(Stop("stop", "stop")),
        End(),
    ]


def test_t12_first_chunk_without_choices_is_no_start() -> None:
    """Azure's."""
    first = b'data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]}\n\n'

    assert events(first, chunk({"content": "hi"}), chunk(finish="stop"), DONE)[0] == c.Start("chatcmpl-1", "gpt", 7)


def test_parts_follow_each_other() -> None:
    read = parts(
        chunk({"reasoning_content": "th"}),
        chunk({"reasoning_content": "ink"}),
        chunk({"content": "say"}),
        chunk({"reasoning": "more"}),
        chunk(
            {
                "content": [
                    {"type": "text", "text": "!"},
                    {"type": "thinking", "thinking": [{"type": "text", "text": "m"}]},
                ]
            }
        ),
        chunk({"refusal": "no"}),
    )

    told = [(type(part).__name__, part.text) for part in read if isinstance(part, c.Text | c.Thinking | c.Refusal)]
    assert told == [
        ("Thinking", "think"),
        ("Text", "say"),
        ("Thinking", "more"),
        ("Text", "!"),
        ("Thinking", "m"),
        ("Refusal", "no"),
    ]


def test_details_are_joined_with_their_signature() -> None:
    def detail(text: str | None, signature: str | None = None, index: int = 0) -> dict[str, Any]:
        told = {"text": text, "signature": signature, "type": "reasoning.text", "index": index}
        return {
            "reasoning": text,
            "reasoning_details": [{name: value for name, value in told.items() if value is not None}],
        }

    read = parts(
        chunk(detail("de")),
        chunk(detail("ep")),
        chunk(detail(None, "si")),
        chunk(detail("", "g")),
        chunk(detail("er", index=1)),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "e", "index": 2}]}),
        chunk({"content": "x"}),
    )

    assert read == [
        c.Thinking("deep", c.Signature("openai", "m", "sig")),
        c.Thinking("er"),
        c.Opaque("openai", "reasoning.encrypted", {"type": "reasoning.encrypted", "data": "e", "index": 2}),
        c.Text("x"),
    ]


def test_choices_are_told_apart() -> None:
    read = gathered(
        events(
            chunk({"content": "a"}),
            chunk({"content": "b"}, index=1),
            chunk({"content": "c"}),
            chunk(finish="stop"),
            chunk(finish="length", index=1),
            DONE,
        )
    )

    assert [(choice.parts, choice.stop.reason) for choice in read.choices] == [
        ([c.Text("ac")], "stop"),
        ([c.Text("b")], "length"),
    ]


# Calls of tools ------------------------------------------------------------------------------------------------------
def test_t04_fragments_belong_to_the_call_of_their_index() -> None:
    read = calls(
        fragment(0, "", id="a", name="f"),
        fragment(1, "", id="b", name="g"),
        fragment(0, '{"x"'),
        fragment(1, '{"y"'),
        fragment(0, ":1}"),
        fragment(1, ":2}"),
    )

    assert read == [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]


def test_t04_calls_without_an_index_are_told_apart() -> None:
    """Mistral's, whole in one piece; and those who give all calls the index 0."""
    without = calls(fragment(None, '{"x":1}', id="a", name="f"), fragment(None, '{"x":2}', id="b", name="f"))
    zeros = calls(fragment(0, '{"x":1}', id="a", name="f"), fragment(0, '{"x":2}', id="b", name="f"))
    nameless = calls(fragment(0, '{"x":1}', id="", name="f"), fragment(0, '{"x":2}', id="", name="f"))

    assert without == zeros == [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')]
    assert [arguments for _, _, arguments in nameless] == ['{"x":1}', '{"x":2}']
    assert len({call_id for call_id, _, _ in nameless}) == 2


def test_id_and_name_that_are_said_again_begin_no_other_call() -> None:
    assert calls(
        fragment(0, '{"x"', id="a", name="f"), fragment(0, ":1}", id="a", name="f"), fragment(0, "", name="f")
    ) == [("a", "f", '{"x":1}')]


def test_call_is_held_back_until_it_has_a_name() -> None:
    assert calls(fragment(0, id="a"), fragment(0, '{"x"'), fragment(0, ":1}", name="f")) == [("a", "f", '{"x":1}')]


@pytest.mark.parametrize("arguments", [None, "", " "])
def test_t05_call_without_arguments_has_an_empty_object_of_them(arguments: str | None) -> None:
    read = events(fragment(0, arguments, id="a", name="f"), chunk(finish="tool_calls"), DONE)

    text = "".join(event.text for event in read if isinstance(event, Delta))
    assert json.loads(text) == {}


def test_call_is_ended_when_the_next_one_begins() -> None:
    """So that a writer with one block at a time need not hold the second."""
    read = events(fragment(0, '{"x":1}', id="a", name="f"), fragment(1, "", id="b", name="g"))

    assert [type(event) for event in read[1:5]] == [PartStart, Delta, PartEnd, PartStart]


def test_t09_signature_of_a_call_is_told_before_its_end() -> None:
    extra = {"google": {"thought_signature": "sig"}}
    read = parts(fragment(0, "{}", id="a", name="f", extra_content=extra))
    older = parts(
        chunk(
            {
                "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}],
                "extra_content": extra,
            }
        )
    )

    signature = c.Signature("openai", "m", "sig")
    assert read == older == [ToolCall("a", "f", "{}", signature)]


def test_function_call_of_old_is_a_call() -> None:
    read = parts(
        chunk({"function_call": {"name": "f", "arguments": ""}}), chunk({"function_call": {"arguments": '{"x":1}'}})
    )

    assert [(part.name, part.arguments) for part in read if isinstance(part, ToolCall)] == [("f", '{"x":1}')]


def test_named_tool_that_stops_with_stop_was_called() -> None:
    answer = gathered(events(fragment(0, "{}", id="a", name="f"), chunk(finish="stop"), DONE))

    assert answer.choices[0].stop == Stop("tool_calls", "stop")


# What else comes -----------------------------------------------------------------------------------------------------
def test_media_annotations_and_probabilities_are_read() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    probabilities = {"content": [{"token": "hi"}]}
    content = {"choices": [{"index": 0, "delta": {"content": "hi"}, "logprobs": probabilities}]}
    read = events(
        b"data: " + json.dumps({"object": "x", **content}).encode() + b"\n\n",
        chunk({"annotations": [{"type": "url_citation"}]}),
        chunk({"images": [image]}),
        chunk({"audio": {"id": "audio_1", "transcript": "he"}}),
        chunk({"audio": {"data": "BB", "transcript": "y"}}),
        chunk({"audio": {"data": "CC", "expires_at": 9}}),
        chunk(finish="stop"),
        DONE,
    )

    assert Delta(0, "hi", probabilities) in read
    assert c.Annotated(0, "openai", [{"type": "url_citation"}]) in read
    media = [event.part for event in read if isinstance(event, c.PartWhole)]
    rest = {"id": "audio_1", "transcript": "hey", "expires_at": 9}
    assert [(part.kind, part.data, part.extras) for part in media if isinstance(part, c.Media)] == [
        ("image", "AA", None),
        ("audio", "BBCC", {"audio": rest}),
    ]


def test_usage_is_the_last_one_seen() -> None:
    first = {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 3}}
    later = {"completion_tokens": 2, "prompt_tokens_details": None}
    read = events(chunk({"content": "x"}, usage=first), chunk(finish="stop", usage=later), DONE)

    usages = [event.usage for event in read if isinstance(event, c.UsageSeen)]
    assert usages[-1] == Usage(input_text=2, cache_read=3, output_text=2)


def test_usage_that_groq_shows_unasked_is_read() -> None:
    reported = {"usage": {"prompt_tokens": 5, "completion_tokens": 1}}
    read = events(chunk({"content": "x"}), chunk(finish="stop", x_groq=reported), DONE)

    assert [event.usage for event in read if isinstance(event, c.UsageSeen)] == [Usage(input_text=5, output_text=1)]


# The end -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("chunks", "whole"),
    [
        ([chunk({"content": "x"}), chunk(finish="stop"), DONE.rstrip()], True),
        ([chunk({"content": "x"}), DONE], True),
        ([chunk({"content": "x"}), chunk(finish="stop", usage={"prompt_tokens": 1, "completion_tokens": 1})], True),
        ([chunk({"content": "x"}), chunk(finish="stop")], False),
        ([chunk({"content": "x"}, usage={"prompt_tokens": 1, "completion_tokens": 1})], False),
        ([chunk({"content": "x"}), chunk(finish="stop"), DONE[:8]], False),
        ([], False),
    ],
)
def test_t15_stream_without_its_end_is_interrupted(chunks: list[bytes], whole: bool) -> None:  # noqa: FBT001
    last = events(*chunks)[-1]

    assert isinstance(last, End) if whole else (isinstance(last, Failed) and last.interrupted)


def test_stream_of_a_provider_without_usage_is_whole_when_it_said_why_it_ended() -> None:
    assert isinstance(events(chunk({"content": "x"}), chunk(finish="stop"), stream_options=False)[-1], End)


def test_choice_that_goes_on_after_its_end_has_not_ended() -> None:
    used = {"prompt_tokens": 1, "completion_tokens": 1}
    last = events(chunk({"content": "x"}), chunk(finish="stop", usage=used), chunk({"content": "y"}))[-1]

    assert isinstance(last, Failed)


@pytest.mark.parametrize(
    ("error", "status", "message", "code"),
    [
        (b'{"error":{"message":"no","type":"server_error","code":null}}', 500, "no", ""),
        (b'{"error":{"message":"no","code":"tool_use_failed","status_code":400}}', 400, "no", "tool_use_failed"),
        (
            b'{"error":{"message":"no","code":502},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}',
            502,
            "no",
            "502",
        ),
        (b'{"error":"no"}', 500, "no", ""),
        (b'[{"error":{"message":"no","code":429,"status":"RESOURCE_EXHAUSTED"}}]', 429, "no", "429"),
        (b'{"object":"error","message":"no","code":500}', 500, "no", "500"),
    ],
)
def test_t15_error_in_the_stream_is_the_providers(error: bytes, status: int, message: str, code: str) -> None:
    last = events(chunk({"content": "x"}), b"data: " + error + b"\n\n", DONE)[-1]

    assert isinstance(last, Failed)
    assert (last.interrupted, last.error.status, last.error.message, last.error.code) == (False, status, message, code)


@pytest.mark.parametrize("data", [b"event: error\ndata: {}\n\n", b"data: oops\n\n"])
def test_t15_event_that_cannot_be_understood_fails(data: bytes) -> None:
    last = events(chunk({"content": "x"}), data, DONE)[-1]

    assert isinstance(last, Failed)
    assert not last.interrupted


@pytest.mark.parametrize(
    "chunks", [[chunk({"content": "x"}), chunk(finish="network_error")], [chunk(), chunk(finish="odd")], []]
)
def test_answer_that_failed_is_an_error_and_no_stop(chunks: list[bytes]) -> None:
    assert isinstance(events(*chunks, DONE)[-1], Failed)


def test_null_error_is_none() -> None:
    assert isinstance(events(chunk({"content": "x"}, error=None), chunk(finish="stop"), DONE)[-1], End)


def test_nothing_is_read_after_the_end() -> None:
    reader = CODEC.stream_reader(Target(Profile("custom", "Custom"), ModelFacts("m")))
    reader.feed(chunk({"content": "x"}) + DONE)

    assert reader.feed(chunk({"content": "y"})) == []
    assert reader.close() == []


# Writing -------------------------------------------------------------------------------------------------------------
def written(*told: Event, usage: bool = False, asked: Chat | None = None) -> list[dict[str, Any]]:
    writer = CODEC.stream_writer(
        Asked("alias", "0123456789abcdef01234567", 99, stream=True, include_usage=usage, chat=asked)
    )
    body = b"".join(writer.write(event) for event in told)
    return [json.loads(data.removeprefix(b"data: ")) for data in body.split(b"\n\n") if data.startswith(b"data: {")]


def deltas(*told: Event, **options: Any) -> list[dict[str, Any]]:
    return [choice["delta"] for each in written(c.Start(), *told, **options)[1:] for choice in each["choices"]]


def test_stream_is_written_as_openai_has_it() -> None:
    writer = CODEC.stream_writer(Asked("alias", "0123456789abcdef01234567", 99, stream=True, include_usage=True))
    told: list[Event] = [
        c.Start("msg_1", "claude"),
        PartStart(0, "text"),
        Delta(0, "hé"),
        PartEnd(0),
        Stopped(Stop("stop")),
    ]

    body = b"".join(writer.write(event) for event in [*told, c.UsageSeen(Usage(input_text=1, output_text=2)), End()])

    about = '{"id":"chatcmpl-0123456789abcdef01234567","object":"chat.completion.chunk","created":99,"model":"alias","choices":['
    usage = json.dumps(json.loads(body.split(b"\n\n")[3].removeprefix(b"data: "))["usage"], separators=(",", ":"))
    expected = "".join(
        f"data: {about}{rest}\n\n"
        for rest in (
            '{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}',
            '{"index":0,"delta":{"content":"hé"},"logprobs":null,"finish_reason":null}],"usage":null}',
            '{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}',
            f'],"usage":{usage}}}',
        )
    )
    assert body.decode() == expected + "data: [DONE]\n\n"
    assert json.loads(usage)["total_tokens"] == 3


def test_t12_usage_is_shown_to_who_asked_for_it() -> None:
    told: list[Event] = [c.Start(), Stopped(Stop("stop")), c.UsageSeen(Usage(input_text=1)), End()]

    assert ["usage" in each for each in written(*told)] == [False, False]
    assert [each["usage"] is None for each in written(*told, usage=True)] == [True, True, False]


def test_t04_calls_have_an_index_each_and_every_fragment_names_it() -> None:
    told: list[Event] = [
        PartStart(3, "tool", "a", "f"),
        PartStart(4, "tool", "b", "g"),
        Delta(4, "{}"),
        Delta(3, '{"x":1}'),
        PartEnd(3),
        PartEnd(4),
    ]

    assert deltas(*told) == [
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":1}'}}]},
    ]


def test_t05_call_that_got_no_arguments_is_given_an_empty_object() -> None:
    assert deltas(PartStart(0, "tool", "a", "f"), PartEnd(0))[-1] == {
        "tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]
    }


def test_t09_signed_reasoning_is_shown_whole_with_its_signature() -> None:
    signature = c.Signature("anthropic", "claude", "sig")
    sealed = c.Thinking("", c.Signature("anthropic", "claude", ""), redacted="sealed")
    told: list[Event] = [
        PartStart(0, "thinking"),
        Delta(0, "de"),
        Delta(0, "ep"),
        c.Signed(0, signature),
        PartEnd(0),
        c.PartWhole(1, sealed),
    ]

    detail = {"type": "reasoning.text", "text": "deep", "signature": "~apk:anthropic:claude:sig", "index": 0}
    assert deltas(*told) == [
        {"reasoning_content": "de"},
        {"reasoning_content": "ep"},
        {"reasoning_details": [detail]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "~apk:anthropic:claude:sealed", "index": 1}]},
    ]


def test_t09_signature_of_a_call_is_shown_in_its_extra_field() -> None:
    told: list[Event] = [
        PartStart(0, "tool", "a", "f"),
        Delta(0, "{}"),
        c.Signed(0, c.Signature("gemini", "g", "sig")),
        PartEnd(0),
    ]

    extra = {"google": {"thought_signature": "~apk:gemini:g:sig"}}
    assert deltas(*told)[-1] == {"tool_calls": [{"index": 0, "function": {"arguments": ""}, "extra_content": extra}]}


def test_functions_of_old_get_a_function_call() -> None:
    told: list[Event] = [
        PartStart(0, "tool", "a", "f"),
        Delta(0, "{}"),
        PartEnd(0),
        PartStart(1, "tool", "b", "g"),
        PartEnd(1),
        Stopped(Stop("tool_calls")),
    ]

    shown = written(c.Start(), *told, asked=Chat("openai", "alias", spelling={"~functions": True}))
    assert [each["choices"][0]["delta"] for each in shown[1:]] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
        {},
    ]
    assert shown[-1]["choices"][0]["finish_reason"] == "function_call"


def test_images_annotations_and_probabilities_have_their_places() -> None:
    probabilities: dict[str, Any] = {"content": []}
    told: list[Event] = [
        PartStart(0, "text"),
        Delta(0, "x", probabilities),
        c.Annotated(0, "openai", [1]),
        c.Annotated(0, "anthropic", [2]),
        PartEnd(0),
        c.PartWhole(1, c.Media("image", "image/png", "AA")),
        c.PartWhole(2, c.Opaque("anthropic", "odd", {})),
    ]

    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}, "index": 0}
    assert deltas(*told) == [{"content": "x"}, {"annotations": [1]}, {"images": [image]}]
    assert written(c.Start(), *told)[1]["choices"][0]["logprobs"] == probabilities


def test_each_choice_begins_with_its_role() -> None:
    shown = written(c.Start(), PartStart(0, "text", choice=1), Delta(0, "x"), PartEnd(0), Stopped(Stop("stop"), 1))

    assert [(each["choices"][0]["index"], each["choices"][0]["delta"]) for each in shown] == [
        (0, {"role": "assistant", "content": ""}),
        (1, {"role": "assistant", "content": ""}),
        (1, {"content": "x"}),
        (1, {}),
    ]


def test_t27_silence_is_filled_with_a_comment() -> None:
    writer = CODEC.stream_writer(Asked("alias", "0" * 24, 99, stream=True))

    assert writer.write(c.Ping()) == CODEC.keep_alive == b": keep-alive\n\n"
