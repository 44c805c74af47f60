"""A caller's request as it is understood. Pure."""

import json
from typing import Any, Final

import pytest

from providers.dialects import canonical as c
from providers.dialects.base import Given, Target
from providers.dialects.canonical import BadRequest, Chat
from providers.dialects.openai.codec import CODEC
from providers.dialects.profile import ModelFacts, Profile
from tests.providers.dialects import corpus

USER: Final = {"role": "user", "content": "hello"}
TOOL: Final = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def chat(*messages: Any, **members: Any) -> Chat:
    content = {"model": "m", "messages": list(messages) or [USER], **members}
    return CODEC.read_request(CODEC.outline("chat/completions", json.dumps(content).encode()))


def call(name: str = "weather", arguments: Any = "{}", **members: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **members}


# Turns ---------------------------------------------------------------------------------------------------------------
def test_t01_all_system_and_developer_messages_are_kept_in_order() -> None:
    cached = {"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}
    read = chat({"role": "system", "content": "one"}, USER, {"role": "developer", "content": [cached]}, USER)

    systems = [(turn.role, [part for part in turn.parts if isinstance(part, c.Text)]) for turn in read.turns]
    assert [role for role, _ in systems] == ["system", "user", "system", "user"]
    assert [text.text for _, texts in systems for text in texts] == ["one", "hello", "two", "hello"]
    assert systems[2][1][0].extras == {"cache_control": {"type": "ephemeral"}}


def test_t05_call_without_arguments_has_an_empty_object_of_them() -> None:
    absent = call()
    del absent["function"]["arguments"]
    read = chat(
        {
            "role": "assistant",
            "tool_calls": [call(arguments=""), absent, call(arguments={"a": 1}), call(arguments="{x")],
        }
    )

    assert [part.arguments for part in read.turns[0].parts if isinstance(part, c.ToolCall)] == [
        "{}",
        "{}",
        '{"a":1}',
        "{x",
    ]


@pytest.mark.parametrize("empty", [{}, {"content": None}, {"content": ""}, {"content": []}])
def test_t06_empty_content_is_nothing(empty: dict[str, Any]) -> None:
    read = chat(
        {"role": "assistant", **empty, "tool_calls": [call()]}, {"role": "tool", "tool_call_id": "call_1", **empty}
    )

    assert [type(part) for part in read.turns[0].parts] == [c.ToolCall]
    assert read.turns[1].parts == [c.ToolResult("call_1", "weather", [])]


def test_t08_result_has_the_name_of_its_call() -> None:
    calls = [call(), call("time", id="call_2")]
    results = [{"role": "tool", "tool_call_id": f"call_{n}", "content": "x"} for n in (2, 1)]
    read = chat({"role": "assistant", "tool_calls": calls}, *results)

    assert [part.name for turn in read.turns for part in turn.parts if isinstance(part, c.ToolResult)] == [
        "time",
        "weather",
    ]


def test_calls_without_ids_are_answered_in_their_order() -> None:
    """Google's OpenAI surface gives none."""
    calls = [call(id=""), call("time", id="")]
    results = [{"role": "tool", "tool_call_id": "", "content": word} for word in ("sunny", "noon")]
    read = chat({"role": "assistant", "tool_calls": calls}, *results)

    parts = [part for turn in read.turns for part in turn.parts]
    ids = [part.id for part in parts if isinstance(part, c.ToolCall | c.ToolResult)]
    assert ids == [ids[0], ids[1], ids[0], ids[1]]
    assert ids[0] != ids[1]
    assert [part.name for part in parts if isinstance(part, c.ToolResult)] == ["weather", "time"]


def test_t21_all_pieces_are_kept_in_order() -> None:
    content = [
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}},
        {"type": "text", "text": "two"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,CCCC"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "DDDD"}},
        {"type": "video_url", "video_url": {"url": "https://x/a.mp4"}},
        {"type": "document_url", "document_url": "https://x/a.pdf"},
        {"type": "hologram", "x": 1},
    ]
    read = chat({"role": "user", "content": content})

    told = [_essence(part) for part in read.turns[0].parts]
    assert told == [
        ("text", "one"),
        ("image", "", "https://x/a.png"),
        ("text", "two"),
        ("image", "image/png", "AAAA"),
        ("audio", "audio/mpeg", "BBBB"),
        ("document", "application/pdf", "CCCC"),
        ("document", "", "file-1"),
        ("document", "application/pdf", "DDDD"),
        ("video", "", "https://x/a.mp4"),
        ("document", "", "https://x/a.pdf"),
        ("hologram",),
    ]


def _essence(part: c.Part) -> tuple[str, ...]:
    if isinstance(part, c.Media):
        return part.kind, part.media_type, part.data or part.url or part.file_id or ""
    return ("text", part.text) if isinstance(part, c.Text) else (part.kind,) if isinstance(part, c.Opaque) else ()


def test_reasoning_is_found_wherever_it_stands() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "m"}]}
    details = [
        {"type": "reasoning.text", "text": "s", "signature": "sig", "index": 0},
        {"type": "reasoning.encrypted", "data": "e", "index": 1},
    ]
    read = chat(
        {"role": "assistant", "content": "x", "reasoning_content": "d"},
        {"role": "assistant", "content": "x", "reasoning": "o"},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "x"}]},
        {"role": "assistant", "content": "x", "reasoning": "s", "reasoning_details": details},
    )

    thinking = [[part for part in turn.parts if isinstance(part, c.Thinking)] for turn in read.turns]
    assert [[part.text for part in parts] for parts in thinking] == [["d"], ["o"], ["m"], ["s"]]
    assert thinking[3][0].signature == c.Signature("openai", "", "sig")
    assert [part.kind for part in read.turns[3].parts if isinstance(part, c.Opaque)] == ["reasoning.encrypted"]


def test_t09_signatures_of_others_are_found_where_they_were_put() -> None:
    details = [
        {"type": "reasoning.text", "text": "deep", "signature": "~apk:anthropic:claude:sig", "index": 0},
        {"type": "reasoning.encrypted", "data": "~apk:anthropic:claude:sealed", "index": 1},
    ]
    extra = {"google": {"thought_signature": "~apk:gemini:gemini-3:sig"}}
    read = chat({"role": "assistant", "reasoning_details": details, "tool_calls": [call(extra_content=extra)]})

    signed, sealed, made = read.turns[0].parts
    assert isinstance(signed, c.Thinking)
    assert isinstance(sealed, c.Thinking)
    assert isinstance(made, c.ToolCall)
    assert (signed.text, signed.signature) == ("deep", c.Signature("anthropic", "claude", "sig"))
    assert (sealed.redacted, sealed.signature) == ("sealed", c.Signature("anthropic", "claude", ""))
    assert made.signature == c.Signature("gemini", "gemini-3", "sig")


def test_signature_whose_text_stands_beside_it_finds_it() -> None:
    details = [{"type": "reasoning.text", "signature": "sig", "index": 0}]
    read = chat({"role": "assistant", "content": "x", "reasoning_content": "deep", "reasoning_details": details})

    thinking = [part for part in read.turns[0].parts if isinstance(part, c.Thinking)]
    assert [(part.text, part.signature) for part in thinking] == [("deep", c.Signature("openai", "", "sig"))]


def test_functions_of_old_are_tools() -> None:
    read = chat(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "sunny"},
        functions=[TOOL["function"]],
        function_call={"name": "weather"},
    )

    called, result = read.turns[1].parts[0], read.turns[2].parts[0]
    assert isinstance(called, c.ToolCall)
    assert result == c.ToolResult(called.id, "weather", [c.Text("sunny")])
    assert [tool.name for tool in read.tools if isinstance(tool, c.Tool)] == ["weather"]
    assert read.tool_choice == c.ToolChoice("named", "weather")
    assert (read.name_of("tools"), read.name_of("tool_choice")) == ("functions", "function_call")


# Members -------------------------------------------------------------------------------------------------------------
def test_plain_parameters_have_canonical_names() -> None:
    read = chat(temperature=1, top_p=0.5, top_k=3, random_seed=7, user="u", n=2, logprobs=True, logit_bias={"5": 1})

    assert read.params == {
        "temperature": 1, "top_p": 0.5, "top_k": 3, "seed": 7, "user": "u", "n": 2, "logprobs": True,
        "logit_bias": {"5": 1},
    }  # fmt: skip
    assert read.name_of("seed") == "random_seed"


def test_what_asks_for_nothing_is_no_parameter() -> None:
    """So no other dialect has to refuse it."""
    read = chat(n=1, logprobs=False, presence_penalty=0, frequency_penalty=0.0, logit_bias={}, stop=None, user=None)

    assert (read.params, read.stop, read.extras) == ({}, [], {})


def test_unknown_members_are_kept() -> None:
    assert chat(safe_prompt=True, web_search_options={"x": 1}).extras == {
        "safe_prompt": True,
        "web_search_options": {"x": 1},
    }


def test_limits_stops_and_streams_are_read() -> None:
    read = chat(max_completion_tokens=9, stop="END", stream=True, stream_options={"include_usage": True})

    assert (read.max_tokens, read.stop, read.stream, read.include_usage) == (9, ["END"], True, True)
    assert read.name_of("max_tokens") == "max_completion_tokens"
    assert chat(stop=["a", "b"], max_tokens=3).stop == ["a", "b"]


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        ("none", c.ToolChoice("none")),
        ("auto", c.ToolChoice("auto")),
        ("required", c.ToolChoice("required")),
        ("any", c.ToolChoice("required")),
        ({"type": "function", "function": {"name": "weather"}}, c.ToolChoice("named", "weather")),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}]},
            },
            c.ToolChoice("auto", allowed=("weather",)),
        ),
    ],
)
def test_choice_of_tools_is_read(choice: Any, read: c.ToolChoice) -> None:
    assert chat(tools=[TOOL], tool_choice=choice).tool_choice == read


def test_tools_of_a_provider_are_its_own() -> None:
    search = {"type": "web_search", "web_search": {"enable": True}}

    assert chat(tools=[TOOL, search]).tools[1] == c.HostedTool("openai", "web_search", search)


def test_formats_of_the_answer_are_read() -> None:
    inner = {"name": "city", "schema": {"type": "object"}, "strict": True, "description": "d"}
    schema = chat(response_format={"type": "json_schema", "json_schema": inner}).output
    assert schema is not None

    assert (schema.kind, schema.schema, schema.name, schema.strict) == ("schema", {"type": "object"}, "city", True)
    assert chat(response_format={"type": "json_object"}).output == c.OutputFormat("json")
    assert chat(response_format={"type": "regex", "regex": "a+"}).extras == {
        "response_format": {"type": "regex", "regex": "a+"}
    }


@pytest.mark.parametrize(
    ("members", "effort", "budget", "show"),
    [
        ({"reasoning_effort": "minimal"}, "minimal", None, None),
        ({"reasoning": {"effort": "high", "exclude": True}}, "high", None, False),
        ({"reasoning": {"max_tokens": 2000}}, None, 2000, None),
        ({"reasoning": {"enabled": True}}, None, None, None),
        ({"reasoning": {"enabled": False}}, "none", None, None),
    ],
)
def test_reasoning_is_asked_for_in_two_ways(members: Any, effort: str | None, budget: int | None, show: Any) -> None:
    asked = chat(**members).reasoning
    assert asked is not None

    assert (asked.effort, asked.budget, asked.show) == (effort, budget, show)


# Refusals ------------------------------------------------------------------------------------------------------------
def _piece(**members: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [members]}]}


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"messages": [{"role": "robot", "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user", "content": 3}]}, "/messages/0/content"),
        ({"messages": [USER, {"role": "user", "content": ["x"]}]}, "/messages/1/content/0"),
        (_piece(text="x"), "/messages/0/content/0/type"),
        (_piece(type="text"), "/messages/0/content/0/text"),
        (_piece(type="image_url"), "/messages/0/content/0/image_url"),
        (_piece(type="image_url", image_url={}), "/messages/0/content/0/image_url/url"),
        (_piece(type="image_url", image_url={"url": "data:image/png,x"}), "/messages/0/content/0/image_url"),
        (_piece(type="input_audio", input_audio={"data": "x"}), "/messages/0/content/0/input_audio/format"),
        (_piece(type="file", file={"filename": "x"}), "/messages/0/content/0/file"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "/messages/0/tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "/messages/0/tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": ["x"]}]}, "/messages/0/tool_calls/0"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}]}, "/messages/0/tool_calls/0/function"),
        ({"messages": [{"role": "assistant", "tool_calls": [call("")]}]}, "/messages/0/tool_calls/0/function/name"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [call(arguments=3)]}]},
            "/messages/0/tool_calls/0/function/arguments",
        ),
        ({"tools": {}}, "/tools"),
        ({"tools": [{"type": "function"}]}, "/tools/0/function"),
        ({"tools": [{"type": "function", "function": {}}]}, "/tools/0/function/name"),
        (
            {"tools": [{"type": "function", "function": {"name": "x", "parameters": []}}]},
            "/tools/0/function/parameters",
        ),
        ({"tools": [TOOL], "tool_choice": "perhaps"}, "/tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "/tool_choice"),
        ({"functions": [3]}, "/functions/0"),
        ({"temperature": "hot"}, "/temperature"),
        ({"temperature": True}, "/temperature"),
        ({"seed": 1.5}, "/seed"),
        ({"stop": [1]}, "/stop"),
        ({"stop": {}}, "/stop"),
        ({"response_format": "json"}, "/response_format"),
        ({"response_format": {"type": "json_schema"}}, "/response_format/json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "/response_format/json_schema/schema"),
        ({"reasoning": {"effort": "huge"}}, "/reasoning/effort"),
        ({"reasoning": {"max_tokens": -3}}, "/reasoning/max_tokens"),
        ({"parallel_tool_calls": "no"}, "/parallel_tool_calls"),
    ],
)
def test_bad_value_names_its_place(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadRequest) as caught:
        chat(**members)

    assert caught.value.pointer == pointer


# There and back ------------------------------------------------------------------------------------------------------
FIELDS: Final = frozenset({"reasoning_content", "reasoning", "reasoning_details", "thinking", "extra_content"})


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": "", "refusal": None, "annotations": [], "audio": None, "tool_calls": []}],
        [{"role": "assistant", "content": [{"type": "text", "text": "x"}], "prefix": True}],
        [
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "refusal": "no"},
        ],
        [{"role": "assistant", "audio": {"id": "audio_1"}}, {"role": "user", "name": "ada", "content": None}],
        [
            {"role": "assistant", "tool_calls": [call(index=0, arguments="")]},
            {"role": "tool", "tool_call_id": "call_1"},
        ],
        [
            {"role": "assistant", "tool_calls": [{"function": {"name": "x", "arguments": {"a": 1}}}]},
            {"role": "tool", "name": "x"},
        ],
        [{"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "x", "input": "y"}}]}],
        [{"role": "assistant", "tool_calls": [call(extra_content={"google": {"thought_signature": "s"}, "x": 1})]}],
        [{"role": "assistant", "content": "x", "reasoning": "a", "reasoning_content": "a", "reasoning_details": None}],
        [
            {
                "role": "assistant",
                "content": "x",
                "reasoning_details": [{"type": "reasoning.summary", "summary": "s", "id": "r"}],
            }
        ],
        [{"role": "assistant", "content": "x", "reasoning_details": [{"type": "reasoning.encrypted", "data": "e"}]}],
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": "https://x/a.png"},
                    {"type": "document_url", "document_url": "https://x/a"},
                ],
            }
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}},
                    {"type": "odd", "x": 1},
                ],
            }
        ],
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "pcm16"}}]}],
    ],
)
def test_messages_are_written_back_as_they_were(messages: list[dict[str, Any]]) -> None:
    profile = Profile("custom", "Custom", reasoning_fields=FIELDS, name_field=True, developer_role=True)
    target = Target(profile, ModelFacts("m"))

    sent = CODEC.write_request(chat(*messages), target, Given())

    assert json.loads(sent.body)["messages"] == messages
    assert sent.report == c.Report()


@pytest.mark.parametrize(
    "members",
    [
        {"stream": False, "logit_bias": None, "stop": "x", "n": 1, "stream_options": None},
        {"tools": [{"type": "function", "function": {"name": "x", "strict": None, "parameters": None, "x": 1}, "y": 2}]},
        {"tools": [{"function": {"name": "x"}}], "tool_choice": "auto"},
        {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "weather"}}]}}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}, "description": None, "x": 1}}},
        {"response_format": {"type": "text"}, "reasoning": {"effort": "low", "enabled": True, "exclude": False}},
        {"reasoning": {"max_tokens": 5, "x": 1}, "reasoning_effort": None},
        {"reasoning_effort": "default", "provider": {"order": ["x"]}, "modalities": ["text"]},
    ],
)  # fmt: skip
def test_members_are_written_back_as_they_were(members: dict[str, Any]) -> None:
    target = corpus.permissive("m", members)

    sent = CODEC.write_request(chat(**members), target, Given())

    assert json.loads(sent.body) == {"model": "m", "messages": [USER], **members}
    assert sent.report == c.Report()
