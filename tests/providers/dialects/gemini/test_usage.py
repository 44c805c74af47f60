"""How Gemini counts. Pure: no test here may touch the database."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.gemini.usage_writing import written_usage
from providers.dialects.profile import UNKNOWN
from providers.dialects.usage import CLASSES, Usage
from providers.dialects.usage_rules import read


def _usage(**reported: Any) -> Usage:
    usage = read(reported, UNKNOWN, "gemini")
    assert usage is not None
    return usage


def _of(*kinds: tuple[Any, int]) -> list[dict[str, Any]]:
    return [{"modality": kind, "tokenCount": number} for kind, number in kinds]


@pytest.mark.parametrize(
    ("reported", "ledger"),
    [
        (
            {"promptTokenCount": 8, "candidatesTokenCount": 7, "totalTokenCount": 15},
            {"input_text": 8, "output_text": 7},
        ),
        (
            {"promptTokenCount": 8, "candidatesTokenCount": 7, "thoughtsTokenCount": 5, "totalTokenCount": 20},
            {"input_text": 8, "output_text": 7, "output_reasoning": 5},
        ),
        (
            {"promptTokenCount": 8, "candidatesTokenCount": 7, "thoughtsTokenCount": 5, "totalTokenCount": 15},
            {"input_text": 8, "output_text": 2, "output_reasoning": 5},
        ),
        (
            {"promptTokenCount": 8, "toolUsePromptTokenCount": 80, "candidatesTokenCount": 7, "totalTokenCount": 95},
            {"input_text": 8, "input_tool": 80, "output_text": 7},
        ),
        (
            {"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 1, "totalTokenCount": 101},
            {"input_text": 40, "cache_read": 60, "output_text": 1},
        ),
        (
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 60,
                "totalTokenCount": 100,
                "promptTokensDetails": _of(("TEXT", 20), ("AUDIO", 30), ("VIDEO", 50)),
                "cacheTokensDetails": _of(("AUDIO", 20), ("VIDEO", 40)),
            },
            {"input_text": 20, "input_audio": 10, "input_video": 10, "cache_read": 40, "cache_read_audio": 20},
        ),
        (
            {"promptTokenCount": 100, "totalTokenCount": 100, "promptTokensDetails": _of((1, 20), (2, 80))},
            {"input_text": 20, "input_image": 80},
        ),
        (
            {
                "promptTokenCount": 9,
                "candidatesTokenCount": 50,
                "totalTokenCount": 59,
                "candidatesTokensDetails": _of(("IMAGE", 40)),
            },
            {"input_text": 9, "output_text": 10, "output_image": 40},
        ),
        ({"totalTokenCount": 12, "candidatesTokenCount": 5}, {"input_text": 7, "output_text": 5}),
        ({"promptTokenCount": 0, "totalTokenCount": 0}, {}),
    ],
)
def test_numbers_become_the_ledger(reported: dict[str, Any], ledger: dict[str, int]) -> None:
    usage = _usage(**reported)

    assert usage.counts() == ledger
    assert usage.anomaly == ""


@pytest.mark.parametrize(
    ("reported", "ledger", "anomaly"),
    [
        (
            {"promptTokenCount": 5, "cachedContentTokenCount": 9, "totalTokenCount": 5},
            {"cache_read": 5},
            "details above",
        ),
        ({"promptTokenCount": 5, "totalTokenCount": 50}, {"input_text": 5}, "do not add up"),
        ({"promptTokenCount": 5, "candidatesTokenCount": -1, "totalTokenCount": 5}, {"input_text": 5}, "is no count"),
        (
            {"promptTokenCount": 5, "totalTokenCount": 5, "promptTokensDetails": _of(("AUDIO", 9))},
            {"input_audio": 5},
            "details above",
        ),
    ],
)
def test_contradictions_are_cut_and_said(reported: dict[str, Any], ledger: dict[str, int], anomaly: str) -> None:
    usage = _usage(**reported)

    assert usage.counts() == ledger
    assert anomaly in usage.anomaly


@pytest.mark.parametrize("reported", [None, [], {}, {"trafficType": "ON_DEMAND"}])
def test_nothing_usable_is_nothing(reported: Any) -> None:
    assert read(reported, UNKNOWN, "gemini") is None


_numbers = st.integers(0, 100_000)
_CLASSES = [
    "input_text", "input_audio", "input_image", "input_video", "input_tool", "cache_read", "cache_read_audio",
    "cache_read_image", "output_text", "output_reasoning", "output_audio", "output_image", "output_video",
]  # fmt: skip


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_CLASSES, _numbers)))
def test_ledger_as_google_shows_it_reads_back_the_same(counts: dict[str, int]) -> None:
    usage = Usage().with_changes(**counts)

    back = _usage(**written_usage(usage))

    assert back.counts() == usage.counts()
    assert back.anomaly == ""


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "cachedContent", "candidates", "thoughts", "toolUsePrompt", "total"]).map(
            lambda name: f"{name}TokenCount"
        ),
        st.one_of(st.integers(-5, 2**54), st.floats(), st.text(max_size=2), st.none()),
    )
)
def test_whatever_is_reported_no_class_is_negative(reported: dict[str, Any]) -> None:
    usage = read(reported, UNKNOWN, "gemini")

    assert usage is None or all(getattr(usage, name) >= 0 for name in CLASSES)
