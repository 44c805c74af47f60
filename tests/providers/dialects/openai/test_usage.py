"""How OpenAI and its relatives count. Pure."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects import usage_rules
from providers.dialects.profile import Profile
from providers.dialects.usage import CLASSES, Usage


def ledger(reported: Any, rule: str = "") -> Usage | None:
    return usage_rules.read(reported, Profile("custom", "Custom", usage_rule=rule), "openai")


def counts(reported: Any, rule: str = "") -> dict[str, int]:
    usage = ledger(reported, rule)
    assert usage is not None
    return usage.counts()


REPORTED: Final = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 5},
}
LEDGER: Final = Usage(input_text=30, input_audio=10, cache_read=60, output_text=25, output_reasoning=20, output_audio=5)


def test_each_token_is_in_one_class() -> None:
    assert ledger(REPORTED) == LEDGER
    assert (LEDGER.input_total, LEDGER.output_total) == (100, 50)


@pytest.mark.parametrize("prompt", [None, -1, 1.5, "3", True, 2**60])
def test_number_that_is_none_is_not_reported(prompt: Any) -> None:
    assert ledger({"prompt_tokens": prompt, "completion_tokens": 1}) is None


@pytest.mark.parametrize("completion", [-1, 1.5, "3", True, 2**60])
def test_output_that_is_no_count_is_said_and_left_to_be_estimated(completion: Any) -> None:
    usage = ledger({"prompt_tokens": 7, "completion_tokens": completion})

    assert usage == Usage(input_text=7, source="mixed", anomaly="completion_tokens is no count")


def test_reported_zero_is_zero() -> None:
    assert ledger({"prompt_tokens": 0, "completion_tokens": 0}) == Usage()


def test_embeddings_have_no_output() -> None:
    assert ledger({"prompt_tokens": 8, "total_tokens": 8}) == Usage(input_text=8)


def test_details_above_their_total_are_cut_and_said() -> None:
    usage = ledger(REPORTED | {"prompt_tokens": 40, "completion_tokens": 10, "total_tokens": 50})

    assert usage is not None
    assert (usage.input_total, usage.output_total, usage.anomaly) == (40, 10, "details above their total")


def test_detail_that_is_no_count_is_said() -> None:
    usage = ledger({"prompt_tokens": 9, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": -2}})

    assert usage == Usage(input_text=9, output_text=3, anomaly="reasoning_tokens is no count")


def test_parts_that_miss_the_total_are_said() -> None:
    """As on Gemini's OpenAI surface, where no rule for it is chosen."""
    usage = ledger({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109})

    assert usage == Usage(input_text=35, output_text=12, anomaly="the parts do not add up to the total")


def test_kinds_and_writes_are_told_apart() -> None:
    reported = {
        "prompt_tokens": 1000,
        "completion_tokens": 90,
        "prompt_tokens_details": {
            "cached_tokens": 500,
            "cache_write_tokens": 200,
            "cache_write_tokens_details": {"ttl_30m": 150, "ttl_12h": 50},
            "audio_tokens": 10,
            "image_tokens": 20,
            "video_tokens": 30,
        },
        "completion_tokens_details": {
            "reasoning_tokens": 40,
            "audio_tokens": 5,
            "image_tokens": 15,
            "rejected_prediction_tokens": 9,
        },
    }

    assert counts(reported) == {
        "input_text": 240, "input_audio": 10, "input_image": 20, "input_video": 30, "cache_read": 500, "cache_write": 150,
        "cache_write_long": 50, "output_text": 30, "output_reasoning": 40, "output_audio": 5, "output_image": 15,
    }  # fmt: skip


@pytest.mark.parametrize(
    "cached",
    [
        {"num_cached_tokens": 32},  # Mistral
        {"prompt_cache_hit_tokens": 32, "prompt_cache_miss_tokens": 68},  # DeepSeek
        {"prompt_cache_hit_tokens": 32, "prompt_tokens_details": {"cached_tokens": 32}},  # DeepSeek: never both
        {"cached_tokens": 32},  # Moonshot
        {"cached_tokens": 0, "prompt_tokens_details": {"cached_tokens": 32}},
    ],
)
def test_cached_tokens_stand_in_several_places(cached: dict[str, Any]) -> None:
    assert counts({"prompt_tokens": 100, "completion_tokens": 1, **cached}) == {
        "input_text": 68,
        "cache_read": 32,
        "output_text": 1,
    }


def test_reasoning_beside_the_output_is_counted_by_the_total() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 266}}
    reported = {"prompt_tokens": 466, "completion_tokens": 68, **details}
    counted = {"input_text": 466, "output_text": 68, "output_reasoning": 266}

    assert counts(reported | {"total_tokens": 800}, "xai") == counts(reported, "xai") == counted
    # Some models of xAI's count it within.
    within = {"prompt_tokens": 466, "completion_tokens": 334, "total_tokens": 800, **details}
    assert counts(within, "xai") == counted


def test_total_of_geminis_openai_surface_holds_the_reasoning() -> None:
    reported = {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}

    assert ledger(reported, "google") == Usage(input_text=35, output_text=12, output_reasoning=62)


def test_perplexitys_totals_hold_neither_reasoning_nor_citations() -> None:
    reported = {
        "prompt_tokens": 33,
        "completion_tokens": 7163,
        "total_tokens": 7196,
        "citation_tokens": 20016,
        "num_search_queries": 18,
        "reasoning_tokens": 73997,
    }

    assert counts(reported, "perplexity") == {
        "input_text": 33,
        "input_tool": 20016,
        "output_text": 7163,
        "output_reasoning": 73997,
        "searches": 18,
    }


def test_units_that_are_no_tokens_are_counted() -> None:
    reported = {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "prompt_audio_seconds": 12,
        "server_tool_use_details": {"web_search_requests": 2},
    }

    assert counts(reported) == {"input_text": 9, "output_text": 3, "audio_ms": 12_000, "searches": 2}


NUMBERS: Final[st.SearchStrategy[Any]] = st.integers(0, 99) | st.sampled_from([None, -1, 1.5, "7", [], {}])
DETAILS: Final = st.dictionaries(
    st.sampled_from(["cached_tokens", "audio_tokens", "image_tokens", "reasoning_tokens", "cache_write_tokens"]),
    NUMBERS,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "prompt_tokens": NUMBERS,
            "completion_tokens": NUMBERS,
            "total_tokens": NUMBERS,
            "prompt_tokens_details": DETAILS | NUMBERS,
            "completion_tokens_details": DETAILS | NUMBERS,
            "num_cached_tokens": NUMBERS,
            "citation_tokens": NUMBERS,
        },
    ),
    st.sampled_from(["", "xai", "google", "perplexity", "unknown"]),
)
def test_ledger_is_disjoint_and_never_negative(reported: dict[str, Any], rule: str) -> None:
    usage = ledger(reported, rule)

    if usage is not None:
        assert usage.input_total - usage.input_tool == reported["prompt_tokens"]
        assert all(getattr(usage, name) >= 0 for name in CLASSES)
        assert usage.raw == reported
