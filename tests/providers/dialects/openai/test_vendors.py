"""What the same chat becomes for vendors whose OpenAI differs. Pure: no test here may touch the database."""

import json
from typing import Any, Final

import pytest

from providers.dialects import canonical as c
from providers.dialects.base import Given, Outgoing, Target
from providers.dialects.canonical import Chat, Text, ToolCall, ToolResult, Turn
from providers.dialects.openai.codec import CODEC
from providers.dialects.profile import ModelFacts
from providers.vendors import VENDORS

PICTURE: Final = "https://media.example/picture.png"
SPEAKING: Final = sorted(name for name, vendor in VENDORS.items() if vendor.profile.door("openai"))


def chat() -> Chat:
    """As a tool of Anthropic's callers makes it, with parameters that only some take."""
    return Chat(
        "anthropic",
        "asked",
        [
            Turn("system", [Text("Be brief."), Text("Be kind.")]),
            Turn("user", [Text("What is it?"), c.Media("image", url=PICTURE)], {"name": "ada"}),
            Turn("assistant", [c.Thinking("Look."), ToolCall("toolu_01Weather", "weather", "{}")]),
            Turn("tool", [ToolResult("toolu_01Weather", "weather", [Text("sunny")])]),
        ],
        tools=[c.Tool("weather", None, {"type": "object"}, strict=True)],
        tool_choice=c.ToolChoice("auto"),
        max_tokens=900,
        stream=True,
        params={"temperature": 1.8, "top_k": 5, "seed": 7, "user": "u", "store": False, "verbosity": "low"},
    )


def sent(vendor: str, asked: Chat) -> Outgoing:
    return CODEC.write_request(asked, Target(VENDORS[vendor].profile, ModelFacts("m")), Given())


def body(vendor: str, asked: Chat | None = None) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(sent(vendor, asked or chat()).body)
    return content


@pytest.mark.parametrize("vendor", SPEAKING)
def test_chat_is_carried_and_what_is_refused_is_left_out_and_told(vendor: str) -> None:
    profile = VENDORS[vendor].profile
    outgoing = sent(vendor, chat())
    written = json.loads(outgoing.body)

    assert [message["role"] for message in written["messages"]] == ["system", "user", "assistant", "tool"]
    assert written[profile.max_tokens_field] == 900
    assert not profile.refuses & written.keys()
    assert profile.refuses & chat().params.keys() <= set(outgoing.report.dropped)
    assert ("stream_options" in written) == profile.stream_options


def test_openai_gets_no_parameters_of_others() -> None:
    written = body("openai")

    assert written.keys() >= {"max_completion_tokens", "seed", "user", "store", "verbosity", "temperature"}
    assert not written.keys() & {"top_k", "max_tokens"}
    assert written["messages"][1]["name"] == "ada"
    assert written["tools"][0]["function"]["strict"] is True


def test_mistral_gets_what_it_takes_alone() -> None:
    written = body("mistralai")

    assert set(written) == {
        "model",
        "messages",
        "stream",
        "max_tokens",
        "tools",
        "tool_choice",
        "temperature",
        "random_seed",
    }
    assert written["temperature"] == 1.5
    assert "name" not in written["messages"][1]
    call_id = written["messages"][2]["tool_calls"][0]["id"]
    assert (len(call_id), written["messages"][3]["tool_call_id"]) == (9, call_id)
    demanding = chat()
    demanding.tool_choice = c.ToolChoice("required")
    assert body("mistralai", demanding)["tool_choice"] == "any"


@pytest.mark.parametrize("vendor", ["deepseek", "moonshot"])
def test_t10_reasoning_goes_back_with_calls(vendor: str) -> None:
    assert body(vendor)["messages"][2]["reasoning_content"] == "Look."
    assert "reasoning_content" not in body("openai")["messages"][2]


@pytest.mark.parametrize(("vendor", "fetched"), [("openai", []), ("moonshot", [PICTURE]), ("ollama", [PICTURE])])
def test_t20_some_take_pictures_as_bytes_alone(vendor: str, fetched: list[str]) -> None:
    assert CODEC.wanted_media(chat(), Target(VENDORS[vendor].profile, ModelFacts("m"))) == fetched


def test_t07_moonshot_cannot_be_made_to_call_a_tool() -> None:
    demanding = chat()
    demanding.tool_choice = c.ToolChoice("required")

    with pytest.raises(c.BadRequest) as caught:
        sent("moonshot", demanding)

    assert caught.value.pointer == "/tool_choice"


def test_t22_groq_gives_one_answer() -> None:
    asked = chat()
    asked.params["n"] = 2

    with pytest.raises(c.BadRequest) as caught:
        sent("groq", asked)

    assert caught.value.pointer == "/n"


def test_public_ai_takes_text_alone() -> None:
    asked = chat()
    asked.turns[1].parts.pop()

    assert [message["content"] for message in body("publicai", asked)["messages"][:2]] == [
        "Be brief.Be kind.",
        "What is it?",
    ]
