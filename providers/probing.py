"""Test a connection: is the address right, does the provider take the key, which models does it list.

One `GET {base_url}/models` under the rules of `apipark.outbound`; nothing is generated, so it costs nothing. What was
learned stays with the key. Only a plain "I do not know this key" (401) takes a key out of use: a provider that is away,
or a key that may do everything but list, must not stop calls that would pass.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apipark import clock, outbound
from apipark.addresses import AddressRefused
from apipark.crypto import CannotOpen
from providers import secrets, switching
from providers.dialects.openai import errors, listing
from providers.models import Provider, ProviderKey
from teams import audit
from teams.models import User

log = structlog.get_logger()

# Of a key that was refused: asked ever less often, since a provider may lock out whoever insists.
_LONGEST_PAUSE: Final = timedelta(hours=6)
_NAMES_SHOWN: Final = 5
_WORDS_SHOWN: Final = 100  # of what a provider says itself


@dataclass(frozen=True, slots=True)
class Step:
    """`ok` is None where the answer says nothing about it."""

    ok: bool | None
    says: str


@dataclass(frozen=True, slots=True)
class Verdict:
    address: Step
    credentials: Step
    models: Step
    # The provider's own, in its order.
    names: tuple[str, ...] = ()
    took_ms: int = 0
    # The provider does not know the key.
    refused: bool = False

    @property
    def trouble(self) -> str:
        """In words; empty when the connection can be used."""
        return next((step.says for step in (self.address, self.credentials, self.models) if step.ok is False), "")

    def __str__(self) -> str:
        words = {
            "address": self.address.says,
            "credentials": self.credentials.says,
            "models": self.models.says,
            "ms": self.took_ms,
        }
        return _("Address: %(address)s. Key: %(credentials)s. Models: %(models)s. Took %(ms)s ms.") % words


# Asking --------------------------------------------------------------------------------------------------------------
def ask(base_url: str, secret: str) -> Verdict:
    """Sends one request, and after a success one without the key. Touches no database."""
    started = time.monotonic()
    try:
        answer = _list(base_url, secret)
    except (AddressRefused, outbound.OutboundFailed) as error:
        address = Step(ok=False, says=_shortened(str(error).rstrip(".")))
        return Verdict(address, _not_reached(), _not_reached(), took_ms=_since(started))
    took_ms = _since(started)
    if 200 <= answer.status < 300:
        return _read(answer.body, took_ms, proved=not _is_open(base_url))
    return _refused(answer, secret, took_ms)


def _list(base_url: str, secret: str) -> outbound.Answer:
    seconds = settings.GATEWAY_PROBE_TIMEOUT.total_seconds()
    bounds = outbound.Bounds(
        connect_s=min(seconds, settings.GATEWAY_CONNECT_TIMEOUT.total_seconds()),
        read_s=seconds,
        total_s=seconds,
        answer_bytes=settings.GATEWAY_PROBE_MAX_BYTES,
    )
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
    return outbound.send("GET", f"{base_url.rstrip('/')}/models", headers=headers, bounds=bounds)


def _is_open(base_url: str) -> bool:
    """Whether anybody is shown the list: OpenRouter and most local servers do, and then a key that passes proves nothing."""
    try:
        return 200 <= _list(base_url, "").status < 300
    except (AddressRefused, outbound.OutboundFailed):
        return False


def _read(body: bytes, took_ms: int, *, proved: bool) -> Verdict:
    try:
        names = listing.model_names(body)
    except ValueError:
        says = _("it answers, but not with a list of models; is this the address of its API, with the version?")
        return Verdict(_reached(), _not_reached(), Step(ok=False, says=says), took_ms=took_ms)
    credentials = (
        Step(ok=True, says=_("accepted"))
        if proved
        else Step(ok=None, says=_("not proved, since the list is open to everybody"))
    )
    return Verdict(_reached(), credentials, Step(ok=True, says=_found(names)), tuple(names), took_ms)


def _refused(answer: outbound.Answer, secret: str, took_ms: int) -> Verdict:
    """An answer that is none: what its status tells about address, key and list."""
    status, unknown = answer.status, _not_reached()
    says = _status_words(status)
    if own := _own_words(answer.body, secret):
        says = _("%(what)s; it says: “%(words)s”") % {"what": says, "words": own}
    bad = Step(ok=False, says=_shortened(says))
    if status in {401, 403}:
        return Verdict(_reached(), bad, unknown, took_ms=took_ms, refused=status == 401)
    if status < 400 or status >= 500:
        return Verdict(bad, unknown, unknown, took_ms=took_ms)
    return Verdict(_reached(), unknown, bad, took_ms=took_ms)


def _status_words(status: int) -> str:
    words = {
        401: _("the provider does not know this key (401)"),
        402: _("there is no money left at the provider (402)"),
        403: _("the key may not list models (403)"),
        404: _("there is no list of models (404); does the address end in its version, such as /v1?"),
        429: _("the provider asks to wait (429)"),
    }
    if status in words:
        return words[status]
    if 300 <= status < 400:
        return _("it points elsewhere (%(status)s), and redirects are not followed") % {"status": status}
    if status >= 500:
        return _("the provider itself has failed (%(status)s)") % {"status": status}
    return _("it answers with status %(status)s") % {"status": status}


def _own_words(body: bytes, secret: str) -> str:
    """Never the key: some providers repeat what they were sent."""
    words = errors.message_of(body)
    if secret in words:
        return ""
    return _shortened(" ".join("".join(c if c.isprintable() else " " for c in words).split()).rstrip("."), _WORDS_SHOWN)


def _found(names: list[str]) -> str:
    shown = ", ".join(_shortened(name, 40) for name in names[:_NAMES_SHOWN])
    more = " …" if len(names) > _NAMES_SHOWN else ""
    words = ngettext("%(count)s found", "%(count)s found", len(names)) % {"count": len(names)}
    return f"{words} ({shown}{more})" if names else words


def _reached() -> Step:
    return Step(ok=True, says=_("reached"))


def _not_reached() -> Step:
    return Step(ok=None, says=_("not known"))


def _shortened(text: str, characters: int = 200) -> str:
    """200 is the width of the column that keeps it."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


# Keeping -------------------------------------------------------------------------------------------------------------
def check(key: ProviderKey, *, actor: User | None, reason: str, address: str | None = None) -> Verdict:
    """For a person who asks: recorded whatever comes of it. Call it outside of a transaction: it waits for the network."""
    verdict = _probe(key)
    with transaction.atomic():
        audit.record(
            team=None,
            actor=actor,
            action="providerkey.tested",
            target=key,
            after={"verdict": str(verdict)},
            reason=reason,
            address=address,
        )
        _keep(key, verdict)
    return verdict


def sweep(now: datetime, *, until: Callable[[], bool] = lambda: False) -> int:
    """Probe what is due, the longest forgotten first, so that one slow provider keeps no other from its turn."""
    done = 0
    for key in due(now):
        if until():
            break
        verdict = _probe(key)
        with transaction.atomic():
            _keep(key, verdict)
        done += 1
    return done


def due(now: datetime) -> list[ProviderKey]:
    keys = ProviderKey.objects.exclude(state=ProviderKey.State.DISABLED).filter(provider__state=Provider.State.ON)
    oldest = keys.select_related("provider").order_by(F("probed_at").asc(nulls_first=True), "pk")
    return [key for key in oldest if key.probed_at is None or now - key.probed_at >= _pause(key, key.probed_at)]


def _pause(key: ProviderKey, probed_at: datetime) -> timedelta:
    usual: timedelta = settings.GATEWAY_PROBE_INTERVAL
    if key.state != ProviderKey.State.INVALID:
        return usual
    return max(usual, min(probed_at - key.state_since, _LONGEST_PAUSE))


def _probe(key: ProviderKey) -> Verdict:
    try:
        secret = secrets.reveal(key)
    except CannotOpen:
        sealed = Step(ok=False, says=_("its secret was sealed for another host: replace it"))
        return Verdict(_not_reached(), sealed, _not_reached())
    except AddressRefused as error:
        return Verdict(Step(ok=False, says=str(error).rstrip(".")), _not_reached(), _not_reached())
    return ask(key.provider.base_url, secret)


def _keep(asked: ProviderKey, verdict: Verdict) -> None:
    key = secrets.locked(asked)
    if (key.sealed, key.provider.base_url) != (asked.sealed, asked.provider.base_url):
        return  # the answer is about a secret or an address that is gone
    key.probed_at, key.probe_trouble, key.probe_ms = clock.now(), verdict.trouble, verdict.took_ms
    key.probe_models = len(verdict.names) if verdict.models.ok else None
    key.save(update_fields=["probed_at", "probe_trouble", "probe_ms", "probe_models"])
    if verdict.refused and key.state == ProviderKey.State.ACTIVE:
        switching.switch(key, ProviderKey.State.INVALID, "refused", actor=None, reason=verdict.trouble)
        log.warning("provider_key_refused", key=key.ref, provider=key.provider.ref)
    elif verdict.credentials.ok and key.state == ProviderKey.State.INVALID:
        switching.switch(
            key, ProviderKey.State.ACTIVE, "accepted", actor=None, reason=_("The provider takes it again.")
        )
        log.info("provider_key_accepted", key=key.ref, provider=key.provider.ref)
