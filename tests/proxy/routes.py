"""Routes of a catalogue, made by hand: pure tests of choosing need no database."""

from typing import Any

from apipark.addresses import Origin
from providers.dialects.profile import ModelFacts, Profile
from proxy.catalogue import Base, DoorRoute, Hop, KeyRoute, ModelRoute, ProviderRoute
from proxy.circuits import Circuits
from proxy.pools import Pools

BASE = Base(Origin("https", "models.example", 443), "https://models.example/v1", "/v1")


def key(number: int, **changes: Any) -> KeyRoute:
    fields: dict[str, Any] = {
        "id": number,
        "name": f"key {number}",
        "secret": f"secret-{number}",
        "priority": 10,
        "weight": 100,
        "max_concurrent": None,
        "expires_us": None,
        "withheld": frozenset(),
    }
    return KeyRoute(**fields | changes)


def model(number: int, *keys: KeyRoute, auth: Any = "bearer") -> ModelRoute:
    """Of a provider with the same number."""
    door = DoorRoute(BASE, auth, ())
    provider = ProviderRoute(
        number, f"Provider {number}", f"p{number}", Profile("custom", "Custom"), {"openai": door}, keys
    )
    return ModelRoute(
        id=number,
        name=f"model-{number}",
        upstream_name=f"upstream-{number}",
        kind="chat",
        facts=ModelFacts(f"upstream-{number}"),
        provider=provider,
        headers=(),
        offers=(),
        price_starts=(),
        prices=(),
        price_ends=(),
    )


def hop(target: ModelRoute, *reacts_to: str) -> Hop:
    return Hop(target, frozenset(reacts_to or ("capacity", "error", "timeout", "credentials")))


def pools() -> Pools:
    """Without jitter."""
    return Pools(lambda: 0.5)


def circuits() -> Circuits:
    return Circuits()
