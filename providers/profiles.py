"""What is known of one connected provider: its vendor's profile with its own addresses and flags."""

from dataclasses import replace
from typing import Any, Final

from providers.dialects.profile import Auth, Door, Profile
from providers.models import Provider
from providers.vendors import CUSTOM, VENDORS

# How a dialect's key is shown where the vendor says nothing else.
_AUTH: Final[dict[str, Auth]] = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
_HEADERS: Final = {"anthropic": {"anthropic-version": "2023-06-01"}}


def profile_of(provider: Provider) -> Profile:
    """Wants `doors` prefetched."""
    vendor = VENDORS.get(provider.vendor, CUSTOM)
    addresses = {provider.dialect: provider.base_url, **{door.dialect: door.base_url for door in provider.doors.all()}}
    doors = []
    for dialect, base_url in addresses.items():
        known = vendor.profile.door(dialect)
        if known is None:
            known = Door(dialect, base_url, _AUTH.get(dialect, "bearer"), _HEADERS.get(dialect, {}))
        doors.append(replace(known, base_url=base_url))
    return replace(vendor.profile, doors=tuple(doors), **_flags(provider.flags))


def _flags(stored: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where the profile has sets."""
    return {name: frozenset(value) if isinstance(value, list) else value for name, value in stored.items()}
