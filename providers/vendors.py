"""Who runs models, as data: which dialects a vendor speaks where, and how its OpenAI differs from OpenAI's."""

from dataclasses import replace
from typing import Any, Final

from providers.dialects.profile import Auth, Door, Profile
from providers.models import Provider

CUSTOM: Final = Profile("custom", "Custom")
VENDORS: Final[dict[str, Profile]] = {"custom": CUSTOM}
# How a dialect's key is shown where the vendor says nothing else.
_AUTH: Final[dict[str, Auth]] = {"anthropic": "x-api-key", "gemini": "x-goog-api-key", "ollama": "none"}
_HEADERS: Final = {"anthropic": {"anthropic-version": "2023-06-01"}}


def profile_of(provider: Provider) -> Profile:
    """The vendor's profile with this provider's own addresses and flags. Wants `doors` prefetched."""
    profile = VENDORS.get(provider.vendor, CUSTOM)
    addresses = {provider.dialect: provider.base_url, **{door.dialect: door.base_url for door in provider.doors.all()}}
    doors = []
    for dialect, base_url in addresses.items():
        known = profile.door(dialect)
        if known is None:
            known = Door(dialect, base_url, _AUTH.get(dialect, "bearer"), _HEADERS.get(dialect, {}))
        doors.append(replace(known, base_url=base_url))
    return replace(profile, doors=tuple(doors), **_flags(provider.flags))


def _flags(stored: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where the profile has sets."""
    return {name: frozenset(value) if isinstance(value, list) else value for name, value in stored.items()}
