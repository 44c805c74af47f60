"""What each dialect's list of models is asked for at, and what is read of it. Pure."""

import json
from typing import Any, Final

import pytest

from providers.dialects.listings import Found, Page, kind_of, listing_door, page_url, read_page
from providers.dialects.profile import Door, Profile

DOORS: Final = {
    dialect: Door(dialect, f"https://{dialect}.example/api")
    for dialect in ("openai", "responses", "anthropic", "gemini", "ollama", "bedrock")
} | {"cohere": Door("cohere", "https://cohere.example/v2")}


def profile_with(*dialects: str, **flags: Any) -> Profile:
    return Profile("x", "X", tuple(DOORS[dialect] for dialect in dialects), **flags)


def page_of(dialect: str, said: object) -> Page:
    return read_page(DOORS[dialect], json.dumps(said).encode())


@pytest.mark.parametrize(
    ("dialect", "first", "next_one"),
    [
        ("openai", "https://openai.example/api/models", "https://openai.example/api/models"),
        ("responses", "https://responses.example/api/models", "https://responses.example/api/models"),
        ("ollama", "https://ollama.example/api/api/tags", "https://ollama.example/api/api/tags"),
        (
            "anthropic",
            "https://anthropic.example/api/v1/models?limit=1000",
            "https://anthropic.example/api/v1/models?limit=1000&after_id=a%2Fb",
        ),
        (
            "gemini",
            "https://gemini.example/api/models?pageSize=1000",
            "https://gemini.example/api/models?pageSize=1000&pageToken=a%2Fb",
        ),
        (
            "cohere",
            "https://cohere.example/v1/models?page_size=1000",
            "https://cohere.example/v1/models?page_size=1000&page_token=a%2Fb",
        ),
    ],
)
def test_list_is_asked_for_where_its_dialect_has_it(dialect: str, first: str, next_one: str) -> None:
    profile = profile_with(dialect)

    assert page_url(profile, DOORS[dialect]) == first
    assert page_url(profile, DOORS[dialect], "a/b") == next_one


def test_vendor_s_own_path_of_the_list_is_taken() -> None:
    profile = profile_with("openai", models_path="/catalog/models")

    assert page_url(profile, DOORS["openai"]) == "https://openai.example/api/catalog/models"


def test_list_is_asked_for_at_the_first_door_that_has_one() -> None:
    assert listing_door(profile_with("bedrock", "openai", "anthropic")) == DOORS["openai"]
    assert listing_door(profile_with("bedrock")) is None
    assert listing_door(profile_with("gemini", vertex=True)) is None


def test_openai_list_tells_what_aggregators_add() -> None:
    plain = {"id": "gpt-5", "object": "model"}
    rich = {
        "id": "big",
        "context_length": 200_000,
        "top_provider": {"max_completion_tokens": 8_000},
        "architecture": {"input_modalities": ["text", "file", "smell"], "output_modalities": ["text"]},
        "supported_parameters": ["tools", "temperature"],
    }

    page = page_of("openai", {"data": [plain, rich]})

    told = Found("big", "chat", 200_000, 8_000, ("document", "text"), ("text",), tools=True)
    assert page == Page((Found("gpt-5"), told))


def test_openai_list_may_come_bare() -> None:
    assert page_of("openai", [{"id": "a", "type": "embedding"}]) == Page((Found("a", "embedding"),))


def test_anthropic_list_goes_on_behind_its_last_model() -> None:
    listed = [{"id": "claude-a", "type": "model"}, {"id": "claude-b", "type": "model"}]

    page = page_of("anthropic", {"data": listed, "has_more": True})

    assert page == Page((Found("claude-a"), Found("claude-b")), "claude-b")
    assert page_of("anthropic", {"data": listed, "has_more": False}).token == ""
    assert page_of("anthropic", {"data": [], "has_more": True}).token == ""


def test_gemini_list_tells_limits_and_methods() -> None:
    listed = [
        {
            "name": "models/gemini-flash",
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        },
        {"name": "models/gemini-vectors", "supportedGenerationMethods": ["embedContent"]},
    ]

    page = page_of("gemini", {"models": listed, "nextPageToken": "t"})

    flash = Found("gemini-flash", "chat", 1_048_576, 65_536)
    assert page == Page((flash, Found("gemini-vectors", "embedding")), "t")


def test_cohere_list_tells_endpoints() -> None:
    listed = [
        {"name": "command", "endpoints": ["generate", "chat"], "context_length": 128_000},
        {"name": "vectors", "endpoints": ["embed"]},
    ]

    page = page_of("cohere", {"models": listed, "next_page_token": "t"})

    assert page == Page((Found("command", "chat", 128_000), Found("vectors", "embedding")), "t")


def test_ollama_list_has_names() -> None:
    assert page_of("ollama", {"models": [{"name": "llama3:8b", "size": 1}]}) == Page((Found("llama3:8b"),))


@pytest.mark.parametrize("dialect", ["openai", "responses", "anthropic", "gemini", "cohere", "ollama"])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"3", b'{"data":3,"models":3}', b'{"data":[3],"models":[3]}',
             b'{"data":[{"id":3}],"models":[{"name":3}]}'],
)  # fmt: skip
def test_what_is_no_list_is_refused(dialect: str, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_page(DOORS[dialect], body)


@pytest.mark.parametrize("value", [0, -1, True, "8192", 1.5, 2**31, None, [], {}])
def test_context_that_is_no_number_of_tokens_is_not_known(value: object) -> None:
    assert page_of("openai", {"data": [{"id": "a", "context_length": value}]}) == Page((Found("a"),))


@pytest.mark.parametrize("junk", [3, "text", [3, None], {"a": 1}, None])
@pytest.mark.parametrize(
    "name",
    ["architecture", "capabilities", "endpoints", "input_modalities", "supported_parameters", "top_provider", "type"],
)
def test_facts_in_another_shape_are_left_out(name: str, junk: object) -> None:
    (found,) = page_of("openai", {"data": [{"id": "a", name: junk}]}).models

    assert (found.name, found.kind, found.context_tokens, found.outputs) == ("a", "chat", None, ())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gpt-5-mini", "chat"), ("text-embedding-3-large", "embedding"), ("voyage-3", "embedding"),
        ("voyage-rerank-2", "rerank"), ("whisper-1", "transcription"), ("gpt-4o-transcribe", "transcription"),
        ("gpt-4o-mini-tts", "speech"), ("dall-e-3", "image"), ("omni-moderation-latest", "moderation"),
        ("gpt-3.5-turbo-instruct", "completion"),
    ],
)  # fmt: skip
def test_kind_is_read_from_a_name_that_speaks_for_itself(name: str, kind: str) -> None:
    assert kind_of(name, {}) == kind


def test_model_that_chats_and_does_more_is_for_chat() -> None:
    assert kind_of("a", {"endpoints": ["embed", "chat"]}) == "chat"
