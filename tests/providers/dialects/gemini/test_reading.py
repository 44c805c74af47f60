"""Requests of Gemini's callers. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects import estimate
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
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from providers.dialects.gemini.codec import CODEC
from providers.dialects.signatures import wrapped
from tests.providers.dialects.gemini.factories import PATH, SIGNATURE, asking, read, sent


# What pass-through needs ---------------------------------------------------------------------------------------------
def test_outline_tells_what_is_asked_for() -> None:
    content = asking(generationConfig={"maxOutputTokens": 100, "candidateCount": 2})

    outline = CODEC.outline("models/x:streamGenerateContent?alt=sse", orjson.dumps(content))

    assert (outline.model, outline.stream, outline.array) == ("x", True, False)
    assert (outline.max_tokens, outline.n) == (100, 2)


def test_outline_reads_snake_case_too() -> None:
    outline = CODEC.outline(PATH, orjson.dumps(asking(generation_config={"max_output_tokens": 100})))

    assert outline.max_tokens == 100


@pytest.mark.parametrize(
    "content",
    [
        asking(generationConfig={"maxOutputTokens": 1}, generation_config={"maxOutputTokens": 9}),
        asking(generationConfig={"maxOutputTokens": 1, "max_output_tokens": 9}),
    ],
)
def test_member_in_both_spellings_is_refused_since_the_upstream_might_read_the_other(content: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="twice"):
        CODEC.outline(PATH, orjson.dumps(content))


def test_media_are_counted_as_what_they_cost_and_not_by_their_bytes() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBOR" + "A" * 100_000}}

    outline = CODEC.outline(PATH, orjson.dumps(asking({"text": "What is it?"}, picture)))

    assert estimate.PER_IMAGE <= outline.input_expected <= 2 * estimate.PER_IMAGE
    assert outline.input_expected <= outline.input_bound <= 2 * estimate.PER_IMAGE


def test_text_is_never_counted_above_its_bytes() -> None:
    body = orjson.dumps(asking({"text": "word " * 1000}))

    outline = CODEC.outline(PATH, body)

    assert len(body) <= outline.input_bound <= len(body) + 100
    assert 0 < outline.input_expected < outline.input_bound


def test_t35_ids_of_what_is_kept_at_google_are_named() -> None:
    file = {
        "fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc", "mimeType": "video/mp4"}
    }
    film = {"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}}

    outline = CODEC.outline(PATH, orjson.dumps(asking(file, film, cachedContent="cachedContents/xyz")))

    assert outline.kept_ids == ("cachedContents/xyz", "files/abc")


def test_count_of_tokens_may_hold_a_whole_request() -> None:
    body = orjson.dumps({"generateContentRequest": {"model": "models/x", **asking({"text": "Hello"})}})

    outline = CODEC.outline("models/x:countTokens", body)

    assert CODEC.read_request(outline).turns == [Turn("user", [Text("Hello")], spelling={})]


# Turns ---------------------------------------------------------------------------------------------------------------
def test_roles_become_turns() -> None:
    chat = read(
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
            "contents": [{"parts": [{"text": "Hello"}]}, {"role": "model", "parts": [{"text": "Hi"}, {"text": "!"}]}],
        }
    )

    assert [(turn.role, turn.parts) for turn in chat.turns] == [
        ("system", [Text("Be brief."), Text("Be kind.")]),
        ("user", [Text("Hello")]),
        ("assistant", [Text("Hi"), Text("!")]),
    ]


def test_single_objects_stand_for_lists_of_one() -> None:
    chat = read({"contents": {"parts": {"text": "Hello"}}, "tools": {"functionDeclarations": [{"name": "f"}]}})

    assert [turn.parts for turn in chat.turns] == [[Text("Hello")]]
    assert [tool.name for tool in chat.tools if isinstance(tool, Tool)] == ["f"]


def test_results_stand_in_turns_of_their_own() -> None:
    chat = read(
        {
            "contents": [
                {
                    "role": "model",
                    "parts": [{"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Rome"}}}],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"id": "c1", "name": "weather", "response": {"output": "24 degrees"}}},
                        {"text": "And now?"},
                    ],
                },
            ]
        }
    )

    assert [(turn.role, turn.parts) for turn in chat.turns] == [
        ("assistant", [ToolCall("c1", "weather", '{"city":"Rome"}')]),
        ("tool", [ToolResult("c1", "weather", [Text("24 degrees")])]),
        ("user", [Text("And now?")]),
    ]


def _calls_without_ids() -> dict[str, Any]:
    call = {"functionCall": {"name": "weather", "args": {}}}
    return {
        "contents": [
            {"role": "model", "parts": [call, {"functionCall": {"name": "time", "args": {}}}, call]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "time", "response": {"output": "noon"}}},
                    {"functionResponse": {"name": "weather", "response": {"output": "sun"}}},
                    {"functionResponse": {"name": "weather", "response": {"output": "rain"}}},
                ],
            },
        ]
    }


def test_t08_calls_without_ids_get_the_same_ones_each_time_and_results_find_them() -> None:
    first, second = read(_calls_without_ids()), read(_calls_without_ids())
    calls = [part for part in first.turns[0].parts if isinstance(part, ToolCall)]
    results = [part for part in first.turns[1].parts if isinstance(part, ToolResult)]

    assert first == second
    assert len({call.id for call in calls}) == 3
    assert [result.id for result in results] == [calls[1].id, calls[0].id, calls[2].id]


def test_t08_name_of_a_result_comes_from_the_call_with_that_id() -> None:
    call = {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "weather", "args": {}}}]}
    result = {"role": "user", "parts": [{"functionResponse": {"id": "c1", "response": {"output": "sun"}}}]}

    chat = read({"contents": [call, result]})

    assert chat.turns[1].parts == [ToolResult("c1", "weather", [Text("sun")])]


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ({"output": "24 degrees"}, "24 degrees", False),
        ({"error": "no station"}, "no station", True),
        ({"error": {"code": 5}}, '{"code":5}', True),
        ({"degrees": 24}, '{"degrees":24}', False),
        ({"output": '{"degrees":24}'}, '{"output":"{\\"degrees\\":24}"}', False),
        ({}, "{}", False),
    ],
)
def test_result_is_text_and_the_same_object_again(response: dict[str, Any], text: str, is_error: bool) -> None:  # noqa: FBT001 (a case)
    content = {"contents": [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": response}}]}]}

    chat = read(content)

    result = chat.turns[0].parts[0]
    assert isinstance(result, ToolResult)
    assert (result.parts, result.is_error) == ([Text(text)], is_error)
    assert sent(chat)[0]["contents"] == content["contents"]


def test_t05_call_without_arguments_is_an_empty_object() -> None:
    chat = read({"contents": [{"role": "model", "parts": [{"functionCall": {"name": "now"}}]}]})

    call = chat.turns[0].parts[0]
    assert isinstance(call, ToolCall)
    assert call.arguments == "{}"


@pytest.mark.parametrize(
    ("part", "media"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": "AA=="}}, Media("image", "image/png", data="AA==")),
        ({"inlineData": {"mimeType": "text/csv", "data": "AA=="}}, Media("document", "text/csv", data="AA==")),
        (
            {"fileData": {"mimeType": "audio/mpeg", "fileUri": "gs://bucket/a.mp3"}},
            Media("audio", "audio/mpeg", url="gs://bucket/a.mp3"),
        ),
        ({"fileData": {"fileUri": "https://youtu.be/1"}}, Media("video", url="https://youtu.be/1")),
        (
            {
                "fileData": {
                    "mimeType": "video/mp4",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a",
                }
            },
            Media("video", "video/mp4", file_id="https://generativelanguage.googleapis.com/v1beta/files/a"),
        ),
    ],
)
def test_media_are_told_by_their_type(part: dict[str, Any], media: Media) -> None:
    assert read(asking(part)).turns[0].parts == [media]


def test_parts_of_googles_own_are_kept_as_they_are() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(1)"}}

    assert read(asking(code)).turns[0].parts == [Opaque("gemini", "executableCode", code)]


# Thoughts ------------------------------------------------------------------------------------------------------------
def test_signature_of_a_call_stays_with_it() -> None:
    part = {"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": SIGNATURE}

    chat = read({"contents": [{"role": "model", "parts": [part]}]})

    assert chat.turns[0].parts == [ToolCall("c1", "f", "{}", Signature("gemini", "", SIGNATURE))]


def test_signature_of_a_text_is_a_thought_before_it() -> None:
    chat = read({"contents": [{"role": "model", "parts": [{"text": "Twelve.", "thoughtSignature": SIGNATURE}]}]})

    assert chat.turns[0].parts == [Thinking("", Signature("gemini", "", SIGNATURE)), Text("Twelve.")]


def test_another_vendors_proof_is_unwrapped() -> None:
    text = wrapped(Signature("anthropic", "claude", "proof"), "gemini")

    chat = read(
        {"contents": [{"role": "model", "parts": [{"text": "Hm.", "thought": True, "thoughtSignature": text}]}]}
    )

    assert chat.turns[0].parts == [Thinking("Hm.", Signature("anthropic", "claude", "proof"))]


def test_another_vendors_thought_is_whole_again_after_a_stream_told_it_in_pieces() -> None:
    text = wrapped(Signature("anthropic", "claude", "proof"), "gemini")
    pieces: list[dict[str, Any]] = [{"text": "I th", "thought": True}, {"text": "ink.", "thought": True}]
    proof = {"text": "", "thought": True, "thoughtSignature": text}

    chat = read({"contents": [{"role": "model", "parts": [*pieces, proof, {"text": "Yes."}]}]})

    thought, said = chat.turns[0].parts
    assert isinstance(thought, Thinking)
    assert (thought.text, thought.signature) == ("I think.", Signature("anthropic", "claude", "proof"))
    assert said == Text("Yes.")


# Tools and parameters ------------------------------------------------------------------------------------------------
def test_schemas_of_either_kind_become_json_schema() -> None:
    google = {"type": "OBJECT", "properties": {"city": {"type": "STRING", "nullable": True}}, "required": ["city"]}
    declarations = [
        {"name": "one", "description": "First", "parameters": google},
        {"name": "two", "parametersJsonSchema": {"type": "object"}},
        {"name": "three"},
    ]

    chat = read(asking(tools=[{"functionDeclarations": declarations}]))

    assert [(tool.name, tool.description, tool.parameters) for tool in chat.tools if isinstance(tool, Tool)] == [
        (
            "one",
            "First",
            {"type": "object", "properties": {"city": {"type": ["string", "null"]}}, "required": ["city"]},
        ),
        ("two", None, {"type": "object"}),
        ("three", None, None),
    ]


def test_googles_own_tools_are_hosted_and_stand_where_they_stood() -> None:
    tools = [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}], "codeExecution": {}}, {"urlContext": {}}]

    chat = read(asking(tools=tools))

    assert [tool.kind if isinstance(tool, HostedTool) else tool.name for tool in chat.tools] == [
        "googleSearch", "f", "codeExecution", "urlContext",
    ]  # fmt: skip
    assert sent(chat)[0]["tools"] == tools


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", "f")),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice("required", allowed=("f", "g"))),
        ({"mode": "VALIDATED"}, ToolChoice("auto")),
        ({}, None),
    ],
)
def test_way_of_calling_is_a_choice_and_the_same_again(calling: dict[str, Any], choice: ToolChoice | None) -> None:
    content = asking(tools=[{"functionDeclarations": [{"name": "f"}]}], toolConfig={"functionCallingConfig": calling})

    chat = read(content)

    assert chat.tool_choice == choice
    assert sent(chat)[0] == content


def test_parameters_have_their_canonical_names_and_know_the_callers() -> None:
    chat = read(
        asking(
            generationConfig={
                "temperature": 0,
                "topP": 0.5,
                "topK": 40.0,
                "seed": 7,
                "candidateCount": 2,
                "presencePenalty": 0.1,
                "frequencyPenalty": 0.2,
                "responseLogprobs": True,
                "logprobs": 3,
                "responseModalities": ["TEXT", "IMAGE"],
                "maxOutputTokens": 100,
                "stopSequences": ["END"],
                "mediaResolution": "MEDIA_RESOLUTION_LOW",
            },
            serviceTier="flex",
        )
    )

    assert chat.params == {
        "temperature": 0, "top_p": 0.5, "top_k": 40, "seed": 7, "n": 2, "presence_penalty": 0.1, "frequency_penalty": 0.2,
        "logprobs": True, "top_logprobs": 3, "modalities": ["text", "image"], "service_tier": "flex",
    }  # fmt: skip
    assert (chat.max_tokens, chat.stop) == (100, ["END"])
    assert chat.extras == {"generationConfig/mediaResolution": "MEDIA_RESOLUTION_LOW"}
    assert chat.name_of("top_k") == "generationConfig/topK"
    assert chat.name_of("max_tokens") == "generationConfig/maxOutputTokens"


def test_what_holds_anyway_is_not_asked_of_others() -> None:
    content = asking(generationConfig={"candidateCount": 1, "responseLogprobs": False, "stopSequences": []})

    chat = read(content)

    assert chat.params == {}
    assert sent(chat)[0] == content


@pytest.mark.parametrize(
    ("config", "output"),
    [
        ({"responseMimeType": "application/json"}, OutputFormat("json")),
        ({"responseMimeType": "text/plain"}, OutputFormat("text")),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "STRING", "enum": ["a"]}},
            OutputFormat("schema", {"type": "string", "enum": ["a"]}),
        ),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": {"title": "Place", "type": "object"}},
            OutputFormat("schema", {"type": "object"}, "Place"),
        ),
    ],
)
def test_form_of_the_answer(config: dict[str, Any], output: OutputFormat) -> None:
    read_output = read(asking(generationConfig=config)).output

    assert read_output is not None
    assert (read_output.kind, read_output.schema, read_output.name) == (output.kind, output.schema, output.name)


def test_answer_as_a_bare_word_of_an_enum_is_googles_own() -> None:
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["yes", "no"]}}

    chat = read(asking(generationConfig=config))

    assert chat.output is None
    assert set(chat.extras) == {"generationConfig/responseMimeType", "generationConfig/responseSchema"}
    assert sent(chat)[0]["generationConfig"] == config


@pytest.mark.parametrize(
    ("config", "reasoning"),
    [
        ({"thinkingBudget": 0}, Reasoning(budget=0)),
        ({"thinkingBudget": -1, "includeThoughts": True}, Reasoning(budget=-1, show=True)),
        ({"thinkingLevel": "HIGH"}, Reasoning(effort="high")),
        ({"includeThoughts": False}, Reasoning(show=False)),
    ],
)
def test_thinking_is_a_budget_or_an_effort(config: dict[str, Any], reasoning: Reasoning) -> None:
    chat = read(asking(generationConfig={"thinkingConfig": config}))

    assert chat.reasoning is not None
    assert (chat.reasoning.budget, chat.reasoning.effort, chat.reasoning.show) == (
        reasoning.budget, reasoning.effort, reasoning.show,
    )  # fmt: skip


@pytest.mark.parametrize(
    "part",
    [
        {"inlineData": {"data": "AA=="}},
        {"functionResponse": {"name": "f", "response": {}, "parts": []}},
        {"functionResponse": {"name": "f"}},
    ],
)
def test_what_was_left_out_stays_left_out(part: dict[str, Any]) -> None:
    call = {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "f"}}]}
    content = {
        "contents": [call, {"role": "model", "parts": [part]}, {"role": "user", "parts": [part, {"text": "Well?"}]}]
    }

    assert sent(read(content))[0] == content


def test_nulls_say_nothing_and_come_back() -> None:
    content = {
        "systemInstruction": None, "tools": None, "toolConfig": None, "cachedContent": None, "labels": None,
        "generationConfig": {"topK": None, "responseSchema": None},
        "contents": [
            {"role": "model", "parts": [{"functionCall": {"id": None, "name": "f", "args": None}, "thoughtSignature": None}]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": None, "name": "f", "response": {"a": 1}, "willContinue": None}},
                    {"inlineData": {"data": "AA==", "mimeType": "image/png", "displayName": None}, "text": None},
                ],
            },
        ],
    }  # fmt: skip

    chat = read(content)

    assert chat.extras == {}
    assert not any(getattr(part, "extras", None) for turn in chat.turns for part in turn.parts)
    assert sent(chat)[0] == content


def test_cached_content_cannot_be_left_out_by_others() -> None:
    chat = read(asking(cachedContent="cachedContents/x"))

    assert chat.params == {"cached_content": "cachedContents/x"}
    assert sent(chat)[0]["cachedContent"] == "cachedContents/x"


# What cannot be read -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({}, "/contents"),
        ({"contents": []}, "/contents"),
        ({"contents": ["Hello"]}, "/contents/0"),
        ({"contents": [{"role": "robot", "parts": []}]}, "/contents/0/role"),
        ({"contents": [{"role": [], "parts": []}]}, "/contents/0/role"),
        ({"contents": [{"parts": "Hello"}]}, "/contents/0/parts"),
        ({"contents": [{"parts": ["Hello"]}]}, "/contents/0/parts/0"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "/contents/0/parts/0/text"),
        ({"contents": [{"parts": [{"functionCall": {"args": {}}}]}]}, "/contents/0/parts/0/functionCall/name"),
        (
            {"contents": [{"parts": [{"functionCall": {"name": "f", "args": "x"}}]}]},
            "/contents/0/parts/0/functionCall/args",
        ),
        ({"contents": [{"parts": [{"inline_data": {"data": 1}}]}]}, "/contents/0/parts/0/inline_data/data"),
        (asking(generationConfig={"maxOutputTokens": 0}), "/generationConfig/maxOutputTokens"),
        (asking(generationConfig={"temperature": "hot"}), "/generationConfig/temperature"),
        (asking(generation_config={"top_p": True}), "/generation_config/top_p"),
        (asking(generationConfig={"stopSequences": "END"}), "/generationConfig/stopSequences"),
        (
            asking(generationConfig={"thinkingConfig": {"thinkingBudget": -2}}),
            "/generationConfig/thinkingConfig/thinkingBudget",
        ),
        (asking(tools=[{"functionDeclarations": [{}]}]), "/tools/0/functionDeclarations/0/name"),
        (asking(toolConfig=[]), "/toolConfig"),
        (asking(cachedContent=1), "/cachedContent"),
    ],
)
def test_wrong_member_is_named_as_the_caller_spelt_it(content: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read(content)

    assert raised.value.pointer == pointer
    assert raised.value.message.endswith(".")


_names = st.sampled_from(
    [
        "contents",
        "parts",
        "role",
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "functionResponse",
        "name",
        "args",
        "id",
        "response",
        "inlineData",
        "inline_data",
        "fileData",
        "fileUri",
        "mimeType",
        "data",
        "tools",
        "functionDeclarations",
        "parameters",
        "parametersJsonSchema",
        "type",
        "properties",
        "toolConfig",
        "functionCallingConfig",
        "mode",
        "allowedFunctionNames",
        "generationConfig",
        "temperature",
        "topK",
        "maxOutputTokens",
        "stopSequences",
        "responseSchema",
        "responseMimeType",
        "thinkingConfig",
        "thinkingBudget",
        "systemInstruction",
        "cachedContent",
        "x",
    ]
)
_words = st.sampled_from(
    ["", "user", "model", "ANY", "OBJECT", "application/json", "skip_thought_signature_validator", "x"]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=25,
)


@given(st.dictionaries(_names, _json, max_size=6), _json)
@settings(max_examples=400)
def test_no_json_breaks_the_reader(content: dict[str, Any], contents: Any) -> None:
    body = orjson.dumps({"contents": contents, **content})
    try:
        chat = CODEC.read_request(CODEC.outline(PATH, body))
    except BadRequest:
        return

    sent(chat)
