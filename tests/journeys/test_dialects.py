"""The official clients of three vendors against the gateway, each upstream dialect behind it: objects, not status codes.

One program, run against every provider by changing nothing but the model's name. The demo provider is the upstream; each
model below can be reached by one of its dialects alone, so three of four calls are translated.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic, AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.journeys.installation import Installation

DIALECTS = ("openai", "responses", "anthropic", "gemini")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FIVE = "This answer comes from the"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


class Place(BaseModel):
    city: str
    degrees: int


@pytest.fixture(scope="session")
def behind(installation: Installation) -> dict[str, str]:
    """A model by the dialect that its provider speaks."""
    return {dialect: installation.console("model_behind", dialect=dialect) for dialect in DIALECTS}


@pytest.fixture(params=DIALECTS)
def model(request: pytest.FixtureRequest, behind: dict[str, str]) -> str:
    return behind[request.param]


@pytest.fixture
def chat(installation: Installation) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{installation.url}/v1", api_key=installation.demo["api_key"], timeout=20) as client:
        yield client


@pytest.fixture
def claude(installation: Installation) -> Iterator[Anthropic]:
    with Anthropic(base_url=installation.url, api_key=installation.demo["api_key"], timeout=20) as client:
        yield client


@pytest.fixture
def gemini(installation: Installation) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=installation.url, timeout=20_000)
    client = genai.Client(api_key=installation.demo["api_key"], http_options=options)
    yield client
    client.close()


def said_by(model: str, dialect: str) -> str:
    """The model that an answer names: what passes is not touched, and says what the provider calls it."""
    return "demo-chat" if model == f"via-{dialect}" else model


# OpenAI --------------------------------------------------------------------------------------------------------------
def test_openai_chat(chat: OpenAI, model: str) -> None:
    answer = chat.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello [long 5]"}])

    assert (answer.model, answer.object) == (said_by(model, "openai"), "chat.completion")
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (FIVE, "stop")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 5)


def test_openai_stream(chat: OpenAI, model: str) -> None:
    chunks = list(
        chat.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Hello [long 50]"}],
            max_completion_tokens=5,
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == FIVE
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length"
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5


def test_openai_parse(chat: OpenAI, model: str) -> None:
    answer = chat.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "Where?"}], response_format=Place
    )

    assert answer.choices[0].message.parsed == Place(city="Berlin", degrees=7)


@pytest.mark.parametrize("streamed", [False, True])
def test_openai_parallel_tools_there_and_back(chat: OpenAI, model: str, streamed: bool) -> None:  # noqa: FBT001
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    messages: list[Any] = [{"role": "user", "content": "Weather? [tools 2]"}]

    message: Any
    if streamed:
        with chat.chat.completions.stream(model=model, messages=messages, tools=tools) as stream:
            message = stream.get_final_completion().choices[0].message
    else:
        message = chat.chat.completions.create(model=model, messages=messages, tools=tools).choices[0].message

    calls = message.tool_calls or []
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("weather", {"city": "Berlin"})
    ] * 2
    assert len({call.id for call in calls}) == 2
    messages.append(message.model_dump(exclude_none=True))
    messages += [
        {"role": "tool", "tool_call_id": call.id, "content": f"{number} degrees"} for number, call in enumerate(calls)
    ]
    told = chat.chat.completions.create(model=model, messages=messages, tools=tools).choices[0].message
    assert told.content == "The tools say: 0 degrees; 1 degrees"


def test_openai_image(chat: OpenAI, model: str) -> None:
    content: Any = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]

    answer = chat.chat.completions.create(model=model, messages=[{"role": "user", "content": content}])

    assert answer.choices[0].message.content == "I was shown 1 of these: image image/png"


async def test_openai_async(installation: Installation, behind: dict[str, str]) -> None:
    async with AsyncOpenAI(base_url=f"{installation.url}/v1", api_key=installation.demo["api_key"]) as client:
        for name in behind.values():
            stream = await client.chat.completions.create(
                model=name, messages=[{"role": "user", "content": "Hello [long 5]"}], stream=True
            )
            async with stream:
                text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
            assert text == FIVE


def test_responses(chat: OpenAI, model: str) -> None:
    answer = chat.responses.create(model=model, input="Hello [long 5]", store=False)

    assert (answer.output_text, answer.status, answer.model) == (FIVE, "completed", said_by(model, "responses"))
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (6, 5)


def test_responses_stream_with_a_tool(chat: OpenAI, model: str) -> None:
    tools: Any = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]

    with chat.responses.stream(model=model, input="Weather? [tool]", tools=tools, store=False) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()

    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    (call,) = [item for item in final.output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Berlin"})


def test_responses_parse(chat: OpenAI, model: str) -> None:
    answer = chat.responses.parse(model=model, input="Where?", text_format=Place, store=False)

    assert answer.output_parsed == Place(city="Berlin", degrees=7)


# Anthropic -----------------------------------------------------------------------------------------------------------
def test_anthropic_message(claude: Anthropic, model: str) -> None:
    message = claude.messages.create(
        model=model, max_tokens=100, messages=[{"role": "user", "content": "Hello [long 5]"}]
    )

    assert [(block.type, getattr(block, "text", "")) for block in message.content] == [("text", FIVE)]
    assert (message.model, message.stop_reason) == (said_by(model, "anthropic"), "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (6, 5)


def test_anthropic_stream_to_its_limit(claude: Anthropic, model: str) -> None:
    with claude.messages.stream(
        model=model, max_tokens=5, messages=[{"role": "user", "content": "Hello [long 50]"}]
    ) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()

    assert (text, message.stop_reason, message.usage.output_tokens) == (FIVE, "max_tokens", 5)


@pytest.mark.parametrize("streamed", [False, True])
def test_anthropic_tools_there_and_back(claude: Anthropic, model: str, streamed: bool) -> None:  # noqa: FBT001
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": 200,
        "tools": [{"name": "weather", "input_schema": WEATHER}],
    }
    messages: list[Any] = [{"role": "user", "content": "Weather? [tools 2]"}]

    if streamed:
        with claude.messages.stream(**asked, messages=messages) as stream:
            message: Any = stream.get_final_message()
    else:
        message = claude.messages.create(**asked, messages=messages)

    uses = [block for block in message.content if block.type == "tool_use"]
    assert [(use.name, use.input) for use in uses] == [("weather", {"city": "Berlin"})] * 2
    assert message.stop_reason == "tool_use"
    results = [
        {"type": "tool_result", "tool_use_id": use.id, "content": f"{number} degrees"}
        for number, use in enumerate(uses)
    ]
    messages += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]},
        {"role": "user", "content": results},
    ]
    told = claude.messages.create(**asked, messages=messages)
    assert told.content[0].type == "text"
    assert told.content[0].text == "The tools say: 0 degrees; 1 degrees"


def test_anthropic_thinking_is_shown_and_goes_back(claude: Anthropic, model: str) -> None:
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": 4_000,
        "thinking": {"type": "enabled", "budget_tokens": 1_024},
    }
    messages: list[Any] = [{"role": "user", "content": "Hello [think 6] [long 5]"}]

    with claude.messages.stream(**asked, messages=messages) as stream:
        message = stream.get_final_message()

    assert message.content[-1].type == "text"
    assert message.content[-1].text == FIVE
    messages += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]},
        {"role": "user", "content": "And again [long 5]"},
    ]
    again = claude.messages.create(**asked, messages=messages)
    assert again.content[-1].type == "text"
    assert again.content[-1].text == FIVE


def test_anthropic_counts_tokens(claude: Anthropic, model: str) -> None:
    counted = claude.messages.count_tokens(model=model, messages=[{"role": "user", "content": "Hello there"}])

    assert counted.input_tokens > 0


async def test_anthropic_async(installation: Installation, behind: dict[str, str]) -> None:
    async with AsyncAnthropic(base_url=installation.url, api_key=installation.demo["api_key"]) as client:
        for name in behind.values():
            async with client.messages.stream(
                model=name, max_tokens=50, messages=[{"role": "user", "content": "Hello [long 5]"}]
            ) as stream:
                assert "".join([text async for text in stream.text_stream]) == FIVE


# Gemini --------------------------------------------------------------------------------------------------------------
def test_gemini_generate(gemini: genai.Client, model: str) -> None:
    answer = gemini.models.generate_content(model=model, contents="Hello [long 5]")

    assert answer.text == FIVE
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count) == (6, 5)


def test_gemini_stream(gemini: genai.Client, model: str) -> None:
    config = types.GenerateContentConfig(max_output_tokens=5)
    chunks = list(gemini.models.generate_content_stream(model=model, contents="Hello [long 50]", config=config))

    assert "".join(chunk.text or "" for chunk in chunks) == FIVE
    assert chunks[-1].candidates is not None
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def test_gemini_chat_calls_functions_by_itself(gemini: genai.Client, model: str) -> None:
    asked = []

    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "sunny"

    talk = gemini.chats.create(model=model, config=types.GenerateContentConfig(tools=[weather]))
    answer = talk.send_message("Weather? [tool]")

    assert asked == ["Berlin"]
    assert "sunny" in (answer.text or "")


def test_gemini_json_schema(gemini: genai.Client, model: str) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Place)
    answer = gemini.models.generate_content(model=model, contents="Where?", config=config)

    assert answer.parsed == Place(city="Berlin", degrees=7)


def test_gemini_image_and_count(gemini: genai.Client, model: str) -> None:
    image = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")

    answer = gemini.models.generate_content(model=model, contents=["What is it?", image])
    counted = gemini.models.count_tokens(model=model, contents="Hello there")

    assert answer.text == "I was shown 1 of these: image image/png"
    assert counted.total_tokens


async def test_gemini_async(gemini: genai.Client, behind: dict[str, str]) -> None:
    for name in behind.values():
        stream = await gemini.aio.models.generate_content_stream(model=name, contents="Hello [long 5]")
        assert "".join([chunk.text or "" async for chunk in stream]) == FIVE
    await gemini.aio.aclose()


# Refusals ------------------------------------------------------------------------------------------------------------
def test_each_client_raises_a_402_with_the_problem(installation: Installation, behind: dict[str, str]) -> None:
    key, model, url = installation.demo["refused"]["api_key"], behind["openai"], installation.url
    with OpenAI(base_url=f"{url}/v1", api_key=key) as chat, pytest.raises(openai.APIStatusError) as by_openai:
        chat.responses.create(model=model, input="Hello")
    with Anthropic(base_url=url, api_key=key) as claude, pytest.raises(anthropic.APIStatusError) as by_anthropic:
        claude.messages.create(model=model, max_tokens=5, messages=[{"role": "user", "content": "Hello"}])
    client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))
    with pytest.raises(genai.errors.ClientError) as by_gemini:
        client.models.generate_content(model=model, contents="Hello")
    client.close()

    assert (by_openai.value.status_code, by_openai.value.code) == (402, "subscription-required")
    assert isinstance(by_anthropic.value.body, dict)
    assert by_anthropic.value.status_code == 402
    assert by_anthropic.value.body["error"]["problem"]["code"] == "subscription-required"
    assert by_anthropic.value.request_id == by_anthropic.value.body["request_id"]
    assert (by_gemini.value.code, by_gemini.value.details["error"]["problem"]["code"]) == (402, "subscription-required")


@pytest.mark.parametrize("wish", ["[fail late]", "[cut]"])
def test_each_client_raises_when_a_stream_breaks(installation: Installation, model: str, wish: str) -> None:
    key, url = installation.demo["api_key"], installation.url
    with OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as chat, pytest.raises(openai.APIError):
        list(
            chat.chat.completions.create(
                model=model, messages=[{"role": "user", "content": f"Hello {wish}"}], stream=True
            )
        )
    with (
        Anthropic(base_url=url, api_key=key, max_retries=0) as claude,
        pytest.raises(anthropic.APIError),
        claude.messages.stream(
            model=model, max_tokens=50, messages=[{"role": "user", "content": f"Hello {wish}"}]
        ) as stream,
    ):
        stream.get_final_message()
    client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))
    with pytest.raises(genai.errors.APIError):
        list(client.models.generate_content_stream(model=model, contents=f"Hello {wish}"))
    client.close()
