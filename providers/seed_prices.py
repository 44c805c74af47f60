"""Cost prices to begin with: those that the package genai-prices knows, as rows of our price book. Nothing is fetched.

It is beta and in US dollars only, so never the authority: an operator's price wins, and a large change waits for a click.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version
from typing import Any, Final

from genai_prices import data
from genai_prices.types import ModelInfo, StartDateConstraint, TieredPrices

from apipark.money import NANO

EDITION: Final = f"genai-prices {version('genai-prices')}"
# Our vendors' names for what they sell there; a vendor that is not here has no price in it.
_PROVIDERS: Final[Mapping[str, str]] = {
    "anthropic": "anthropic", "azure_openai": "azure", "baseten": "baseten", "bedrock": "aws", "cerebras": "cerebras",
    "cloudflare": "cloudflare", "cohere": "cohere", "databricks": "databricks", "deepseek": "deepseek",
    "fireworks": "fireworks", "google": "google", "groq": "groq", "meta": "meta", "minimax": "minimax",
    "mistralai": "mistral", "codestral": "mistral", "moonshot": "moonshotai", "moonshot_cn": "moonshotai",
    "novita": "novita", "openai": "openai", "openrouter": "openrouter", "ovhcloud": "ovhcloud",
    "perplexity": "perplexity", "together": "together", "vertex_ai": "google", "voyage": "voyageai", "xai": "x-ai",
    "zai": "zai", "zhipuai": "zhipuai",
}  # fmt: skip
# Its units to classes of our ledger, and how many of ours one unit of its price covers.
_UNITS: Final[Mapping[str, tuple[str, int]]] = {
    "input_mtok": ("input_text", 1_000_000),
    "output_mtok": ("output_text", 1_000_000),
    "cache_read_mtok": ("cache_read", 1_000_000),
    "cache_write_mtok": ("cache_write", 1_000_000),
    "cache_write_1h_mtok": ("cache_write_long", 1_000_000),
    "input_audio_mtok": ("input_audio", 1_000_000),
    "output_audio_mtok": ("output_audio", 1_000_000),
    "cache_audio_read_mtok": ("cache_read_audio", 1_000_000),
    "input_image_mtok": ("input_image", 1_000_000),
    "output_image_mtok": ("output_image", 1_000_000),
    "cache_image_read_mtok": ("cache_read_image", 1_000_000),
    "input_video_mtok": ("input_video", 1_000_000),
    "output_video_mtok": ("output_video", 1_000_000),
    "output_reasoning_mtok": ("output_reasoning", 1_000_000),
    "input_mchars": ("characters", 1_000_000),
    "audio_hours": ("audio_ms", 3_600_000),
    "input_audio_hours": ("audio_ms", 3_600_000),
    "web_searches_kcount": ("searches", 1_000),
    "input_document_kpages": ("pages", 1_000),
}
_LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
# Per million units; a price beyond it is a mistake of the seed's.
_NANO: Final = Decimal(NANO)

# (variant, unit, from_input_tokens, nano_per_million)
Row = tuple[str, str, int, int]


@dataclass(frozen=True, slots=True)
class SeedPrice:
    effective_from: datetime
    rows: tuple[Row, ...]
    # What the seed prices and our ledger does not count, and amounts that had more than nine places.
    left_out: tuple[str, ...] = ()
    rounded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seed:
    context_tokens: int | None
    prices: tuple[SeedPrice, ...]


@dataclass(slots=True)
class _Reading:
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    rounded: list[str] = field(default_factory=list)


def seed_of(vendor: str, upstream_name: str) -> Seed | None:
    """None for a vendor or model that it does not know."""
    provider = next((each for each in data.providers if each.id == _PROVIDERS.get(vendor)), None)
    found = provider.find_model(upstream_name) if provider else None
    return None if found is None else Seed(found.context_window, tuple(_prices(found)))


def _prices(model: ModelInfo) -> Iterator[SeedPrice]:
    """By the date from which each holds. Prices by the time of day are left out: the dearest of them is what counts."""
    conditional = model.prices if isinstance(model.prices, list) else None
    if conditional is None:
        yield _price(model, model.prices, _LONG_AGO)
        return
    for each in conditional:
        if each.constraint is None:
            yield _price(model, each.prices, _LONG_AGO)
        elif isinstance(each.constraint, StartDateConstraint):
            start = datetime.combine(each.constraint.start_date, datetime.min.time(), UTC)
            yield _price(model, each.prices, start)


def _price(model: ModelInfo, prices: Any, start: datetime) -> SeedPrice:
    reading = _Reading()
    _read(reading, prices, "")
    for variant in model.price_variants or ():
        name = variant.when.get("processing") or variant.when.get("service_tier")
        if name and len(variant.when) == 1:
            _read(reading, variant.prices, str(name)[:20])
    return SeedPrice(start, tuple(reading.rows), tuple(reading.left_out), tuple(reading.rounded))


def _read(reading: _Reading, prices: Any, variant: str) -> None:
    for name, value in vars(prices).items():
        if value is None or name.startswith("_"):
            continue
        if name not in _UNITS:
            reading.left_out.append(name)
            continue
        unit, per = _UNITS[name]
        tiers = [(0, value)]
        if isinstance(value, TieredPrices):
            tiers = [(0, value.base), *((tier.start, tier.price) for tier in value.tiers)]
        for start, price in tiers:
            exact = price * _NANO * 1_000_000 / per
            nano = int(exact.to_integral_value(ROUND_HALF_EVEN))
            if nano != exact:
                reading.rounded.append(name)
            if not any(row[:3] == (variant, unit, start) for row in reading.rows):
                reading.rows.append((variant, unit, start, nano))
