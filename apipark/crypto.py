"""Digests of API keys and sealed secrets.

An API key is random, so one HMAC suffices and costs 4 µs. A provider's secret is sealed with AES-GCM; the associated
data name its row and host, so that a sealed text copied to another row or pointed at another host does not open.
"""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12


class CannotOpen(Exception):  # noqa: N818 (named after what happened)
    """The sealed text belongs to another row, host or master key."""


@dataclass(frozen=True, slots=True)
class Peppers:
    """HMAC keys by id, the newest first."""

    by_id: tuple[tuple[int, bytes], ...]

    @property
    def newest(self) -> int:
        return self.by_id[0][0]

    def digest(self, secret: bytes, pepper_id: int | None = None) -> bytes:
        """32 bytes; of the newest pepper unless one is named."""
        pepper = dict(self.by_id)[pepper_id if pepper_id is not None else self.newest]
        return hmac.digest(pepper, secret, hashlib.sha256)

    def digests(self, secret: bytes) -> list[bytes]:
        """By every pepper, the newest first: a look-up tries them in this order."""
        return [hmac.digest(pepper, secret, hashlib.sha256) for _, pepper in self.by_id]


def parse_keys(items: list[str]) -> tuple[tuple[int, bytes], ...]:
    """`["2:hex", "1:hex"]` → pairs. Raises ValueError for an empty list, a short key or a doubled id."""
    pairs = []
    for item in items:
        number, _, text = item.partition(":")
        key = bytes.fromhex(text)
        if len(key) != 32:
            raise ValueError("each key is id:hex with 32 bytes (64 hex digits)")
        pairs.append((int(number), key))
    if not pairs or len({number for number, _ in pairs}) != len(pairs):
        raise ValueError("at least one key, each with an id of its own")
    return tuple(pairs)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals with the newest master key, opens with any."""

    keys: tuple[tuple[int, bytes], ...]

    def seal(self, secret: str, *, bound_to: str) -> str:
        """`bound_to` names row and host; the same text is needed to open."""
        number, key = self.keys[0]
        nonce = os.urandom(_NONCE_BYTES)
        box = AESGCM(key).encrypt(nonce, secret.encode(), bound_to.encode())
        return f"{number}:{base64.b64encode(nonce + box).decode()}"

    def open(self, sealed: str, *, bound_to: str) -> str:
        """Raises CannotOpen."""
        number, _, text = sealed.partition(":")
        key = dict(self.keys).get(int(number or 0))
        if key is None:
            raise CannotOpen(f"master key {number} is not set")
        box = base64.b64decode(text)
        try:
            return AESGCM(key).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], bound_to.encode()).decode()
        except InvalidTag as error:
            raise CannotOpen("sealed for another row or host") from error
