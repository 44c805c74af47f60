"""API keys: made, found, rotated, revoked.

`ap_live_` or `ap_test_`, 32 random base62 characters, 6 that hold the CRC-32 of all before them. The checksum lets typos
and inventions be refused without a look-up; it protects nothing. What protects is 190 random bits, of which only an HMAC
is stored.
"""

import ipaddress
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apipark import changes, clock
from apipark.keyring import peppers
from teams import audit
from teams.models import ApiKey, Application, User

SCOPES: Final = {"billing:read": _("Refusals may name amounts of money")}
# Long enough to bring the new key to every place within a working day.
OVERLAP: Final = timedelta(hours=24)

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PREFIXES: Final = ("ap_live_", "ap_test_")
_RANDOM_CHARACTERS: Final = 32
_CHECK_CHARACTERS: Final = 6
_LENGTH: Final = 8 + _RANDOM_CHARACTERS + _CHECK_CHARACTERS


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key and, this once, its secret."""

    key: ApiKey
    secret: str


def parse(text: str) -> bool:
    """Whether it has the shape of a key and its checksum fits."""
    if len(text) != _LENGTH or not text.startswith(_PREFIXES) or not text.isascii():
        return False
    return _check(text[:-_CHECK_CHARACTERS]) == text[-_CHECK_CHARACTERS:]


def find(secret: str) -> ApiKey | None:
    """Whatever state it is in, with its application and team."""
    if not parse(secret):
        return None
    digests = [digest.hex() for digest in peppers().digests(secret.encode())]
    return ApiKey.objects.select_related("application__team").filter(digest__in=digests).first()


@transaction.atomic
def issue(
    application: Application,
    *,
    name: str,
    actor: User | None,
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
    scopes: Sequence[str] = (),
    address: str | None = None,
) -> Issued:
    """Raises ValidationError for networks or scopes that do not exist and for an expiry that has passed."""
    issued = _make(application, name, actor, expires_at, networks, scopes)
    audit.record(
        team=application.team,
        actor=actor,
        action="key.issued",
        target=issued.key,
        after=_facts(issued.key),
        address=address,
    )
    _announce(issued.key)
    return issued


@transaction.atomic
def rotate(
    key: ApiKey,
    *,
    actor: User | None,
    overlap: timedelta = OVERLAP,
    expires_at: datetime | None = None,
    address: str | None = None,
) -> Issued:
    """A new key with the old one's name and rights; the old one works on for `overlap`, never beyond its own end.

    Also for one that has expired. Raises ValidationError for a key that was revoked or has been replaced already.
    """
    now = clock.now()
    old = ApiKey.objects.select_for_update(of=("self",)).select_related("application__team").get(pk=key.pk)
    if old.state(now) not in {"usable", "expired"}:
        raise ValidationError(_("This key is not in use any more: make a new one."), code="ended")
    issued = _make(old.application, old.name, actor, expires_at, old.networks, old.scopes)
    ends = [now + overlap, old.expires_at]
    old.revoked_at = min(end for end in ends if end)
    old.replaced_by = issued.key
    old.save(update_fields=["revoked_at", "replaced_by"])
    audit.record(
        team=old.application.team,
        actor=actor,
        action="key.rotated",
        target=old,
        before=_facts(old) | {"revoked_at": None},
        after={"replaced_by": issued.key.ref, "revoked_at": old.revoked_at},
        address=address,
    )
    _announce(old)
    _announce(issued.key)
    return issued


@transaction.atomic
def revoke(key: ApiKey, *, actor: User | None, reason: str = "", address: str | None = None) -> None:
    """Refused by every worker within a second. Repeating changes nothing."""
    now = clock.now()
    key = ApiKey.objects.select_for_update(of=("self",)).select_related("application__team").get(pk=key.pk)
    if key.revoked_at and key.revoked_at <= now:
        return
    before, key.revoked_at = key.revoked_at, now
    key.save(update_fields=["revoked_at"])
    audit.record(
        team=key.application.team,
        actor=actor,
        action="key.revoked",
        target=key,
        before={"revoked_at": before},
        after={"revoked_at": now},
        reason=reason,
        address=address,
    )
    _announce(key)


def _make(
    application: Application,
    name: str,
    actor: User | None,
    expires_at: datetime | None,
    networks: Sequence[str],
    scopes: Sequence[str],
) -> Issued:
    if expires_at and expires_at <= clock.now():
        raise ValidationError({"expires_at": _("This time has passed.")})
    if unknown := set(scopes) - set(SCOPES):
        raise ValidationError({"scopes": _("There is no scope %(name)s.") % {"name": min(unknown)}})
    head = f"ap_{application.environment}_" + "".join(secrets.choice(_BASE62) for _i in range(_RANDOM_CHARACTERS))
    secret = head + _check(head)
    key = ApiKey(
        application=application,
        name=name,
        prefix=secret[:12],
        last_four=secret[-4:],
        digest=peppers().digest(secret.encode()).hex(),
        pepper_id=peppers().newest,
        networks=parse_networks(networks),
        scopes=sorted(scopes),
        expires_at=expires_at,
        created_by=actor,
    )
    key.full_clean(exclude=["application", "created_by"])
    key.save(force_insert=True)
    return Issued(key, secret)


def parse_networks(items: Sequence[str]) -> list[str]:
    """Addresses and CIDR ranges in their usual spelling. Raises ValidationError."""
    networks = []
    for item in items:
        try:
            networks.append(str(ipaddress.ip_network(item.strip())))
        except ValueError as error:
            message = _("“%(text)s” is no address and no range such as 192.0.2.0/24.") % {"text": item.strip()}
            raise ValidationError({"networks": message}) from error
    return networks


def _check(head: str) -> str:
    value, characters = zlib.crc32(head.encode()), ""
    for _i in range(_CHECK_CHARACTERS):
        value, digit = divmod(value, 62)
        characters = _BASE62[digit] + characters
    return characters


def _facts(key: ApiKey) -> dict[str, object]:
    """What of a key is said in the record of changes: nothing that helps to guess it."""
    return {
        "name": key.name,
        "application": key.application.ref,
        "expires_at": key.expires_at,
        "networks": key.networks,
        "scopes": key.scopes,
    }


def _announce(key: ApiKey) -> None:
    changes.announce("consumer", key.pk)
    changes.announce("application", key.application_id)
