"""Test a connection: is the address right, does the provider take the key, which models does it list.

The list is asked for at the provider's first door that has one, under the rules of `apipark.outbound`; nothing is
generated, so it costs nothing, unless a person asks for one token too. What was learned stays with the key. Only a plain
"I do not know this key" or "there is no money" takes a key out of use: a provider that is away, or a key that may do
everything but list, must not stop calls that would pass.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, prefetch_related_objects
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apipark import changes, clock, outbound
from apipark.addresses import AddressRefused
from apipark.crypto import CannotOpen
from providers import profiles, secrets, switching
from providers.dialects import listings
from providers.dialects.base import Given, Target
from providers.dialects.canonical import BadRequest, Chat, Text, Turn, UpstreamError
from providers.dialects.listings import Found
from providers.dialects.openai.codec import CODEC as OPENAI
from providers.dialects.profile import Door, ModelFacts, Profile, credential
from providers.dialects.registry import UPSTREAMS
from providers.models import Provider, ProviderKey, WithheldModel
from teams import audit
from teams.models import User

log = structlog.get_logger()

# Of a key that was refused: asked ever less often, since a provider may lock out whoever insists.
_LONGEST_PAUSE: Final = timedelta(hours=6)
_NAMES_SHOWN: Final = 5
_WORDS_SHOWN: Final = 100  # of what a provider says itself
_OUT: Final = frozenset({ProviderKey.State.INVALID, ProviderKey.State.EXHAUSTED})
# In names of models that answer for little.
_CHEAP: Final = ("nano", "mini", "lite", "flash", "haiku", "small", "8b")


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
    # In the provider's order.
    found: tuple[Found, ...] = ()
    took_ms: int = 0
    # The provider does not know the key, or has no money for it.
    refused: bool = False
    out_of_money: bool = False
    # Of one token, where it was asked for.
    answer: Step | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(model.name for model in self.found)

    @property
    def steps(self) -> list[tuple[str, Step]]:
        named = [(_("Address"), self.address), (_("Key"), self.credentials), (_("Models"), self.models)]
        return [*named, (_("One token"), self.answer)] if self.answer else named

    @property
    def trouble(self) -> str:
        """In words; empty when the connection can be used."""
        return next((step.says for _name, step in self.steps if step.ok is False), "")

    def __str__(self) -> str:
        said = " ".join(f"{name}: {step.says}." for name, step in self.steps)
        return _("%(steps)s Took %(ms)s ms.") % {"steps": said, "ms": self.took_ms}


# Asking --------------------------------------------------------------------------------------------------------------
def ask(profile: Profile, secret: str, *, one_token: bool = False, model: str = "") -> Verdict:
    """The list, with the key and then once without it, and an answer of one token if wanted, of `model` or of one in the
    list. Touches no database.
    """
    verdict = _ask_list(profile, secret)
    if not one_token or verdict.address.ok is False or verdict.credentials.ok is False:
        return verdict
    return replace(verdict, answer=_ask_token(profile, secret, model or _cheap(verdict.found)))


def _ask_list(profile: Profile, secret: str) -> Verdict:
    door = listings.listing_door(profile)
    if door is None:
        untold = Step(ok=None, says=_("not listed here: add those you use by hand"))
        return Verdict(_not_reached(), _not_reached(), untold)
    started = time.monotonic()
    found: list[Found] = []
    token = ""
    try:
        for _number in range(listings.MOST_PAGES):
            # Each request has a bound of its own: ten slow pages must not hold a worker ten times as long.
            if _since(started) > settings.GATEWAY_PROBE_TIMEOUT.total_seconds() * 1000:
                endless = Step(ok=False, says=_("the list did not end in time"))
                return Verdict(_reached(), _not_reached(), endless, took_ms=_since(started))
            answer = _get(profile, door, secret, token)
            if not 200 <= answer.status < 300:
                return _refused(answer, profile, door, secret, _since(started))
            page = listings.read_page(door, answer.body)
            found += page.models
            token = page.token
            if not token:
                break
    except (AddressRefused, outbound.OutboundFailed) as error:
        address = Step(ok=False, says=_shortened(str(error).rstrip(".")))
        return Verdict(address, _not_reached(), _not_reached(), took_ms=_since(started))
    except ValueError:
        says = _("it answers, but not with a list of models; is this the address of its API, with the version?")
        return Verdict(_reached(), _not_reached(), Step(ok=False, says=says), took_ms=_since(started))
    took_ms = _since(started)
    models = Step(ok=True, says=_found(found))
    return Verdict(_reached(), _proof(profile, door, secret), models, tuple(found), took_ms)


def _get(profile: Profile, door: Door, secret: str, token: str = "") -> outbound.Answer:
    return _send(door, listings.page_url(profile, door, token), secret)


def _send(
    door: Door, url: str, secret: str, method: str = "GET", body: bytes | None = None, **more: str
) -> outbound.Answer:
    seconds = settings.GATEWAY_PROBE_TIMEOUT.total_seconds()
    bounds = outbound.Bounds(
        connect_s=min(seconds, settings.GATEWAY_CONNECT_TIMEOUT.total_seconds()),
        read_s=seconds,
        total_s=seconds,
        answer_bytes=settings.GATEWAY_PROBE_MAX_BYTES,
    )
    shown = dict(credential(door.auth, secret)) if secret else {}
    return outbound.send(
        method, url, headers={"accept": "application/json", **door.headers, **more, **shown}, body=body, bounds=bounds
    )


def _proof(profile: Profile, door: Door, secret: str) -> Step:
    """OpenRouter and most local servers show their list to anybody, and then a key that passes proves nothing."""
    if not secret:
        return Step(ok=None, says=_("none was given, none is asked for"))
    try:
        is_open = 200 <= _get(profile, door, "").status < 300
    except (AddressRefused, outbound.OutboundFailed):
        is_open = False
    if is_open:
        return Step(ok=None, says=_("not proved, since the list is open to everybody"))
    return Step(ok=True, says=_("accepted"))


def _ask_token(profile: Profile, secret: str, model: str) -> Step:
    door = next((door for door in profile.doors if door.dialect in UPSTREAMS), None)
    if door is None or door.auth in {"sigv4", "google"} or profile.vertex:
        return Step(ok=None, says=_("not asked: it cannot be called yet"))
    if not model:
        return Step(ok=None, says=_("not asked: name a model"))
    codec, target = UPSTREAMS[door.dialect], Target(profile, ModelFacts(model))
    chat = Chat("openai", model, [Turn("user", [Text("Hi")])], max_tokens=1)
    started = time.monotonic()
    try:
        request = codec.write_request(chat, target, Given())
        url = f"{door.base_url.rstrip('/')}{request.path}"
        answer = _send(door, url, secret, request.method, request.body, **dict(request.headers))
    except (AddressRefused, BadRequest, outbound.OutboundFailed) as error:
        return Step(ok=False, says=_shortened(str(error).rstrip(".")))
    if 200 <= answer.status < 300:
        return Step(ok=True, says=_("%(model)s answered after %(ms)s ms") % {"model": model, "ms": _since(started)})
    words = {"model": model, "what": _told(answer, profile, door, secret)}
    return Step(ok=False, says=_shortened(_("%(model)s did not answer: %(what)s") % words))


def _cheap(found: tuple[Found, ...]) -> str:
    chats = [model.name for model in found if model.kind == "chat"]
    return next((name for name in chats if any(word in name.lower() for word in _CHEAP)), chats[0] if chats else "")


def _refused(answer: outbound.Answer, profile: Profile, door: Door, secret: str, took_ms: int) -> Verdict:
    """An answer that is none: what it tells about address, key and list."""
    status, unknown = answer.status, _not_reached()
    bad = Step(ok=False, says=_told(answer, profile, door, secret))
    kind = _read(answer, profile, door).kind
    if kind == "key" or status == 403:
        return Verdict(_reached(), bad, unknown, took_ms=took_ms, refused=kind == "key")
    if status < 400 or status >= 500:
        return Verdict(bad, unknown, unknown, took_ms=took_ms)
    return Verdict(_reached(), unknown, bad, took_ms=took_ms, out_of_money=kind == "money")


def _read(answer: outbound.Answer, profile: Profile, door: Door) -> UpstreamError:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    codec = UPSTREAMS.get(door.dialect, OPENAI)
    return codec.read_error(answer.status, headers, answer.body, Target(profile, ModelFacts("")))


def _told(answer: outbound.Answer, profile: Profile, door: Door, secret: str) -> str:
    says = _status_words(answer.status)
    if own := _own_words(_read(answer, profile, door).message, secret):
        says = _("%(what)s; it says: “%(words)s”") % {"what": says, "words": own}
    return _shortened(says)


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


def _own_words(words: str, secret: str) -> str:
    """Never the key: some providers repeat what they were sent."""
    if secret and secret in words:
        return ""
    return _shortened(" ".join("".join(c if c.isprintable() else " " for c in words).split()).rstrip("."), _WORDS_SHOWN)


def _found(found: list[Found]) -> str:
    shown = ", ".join(_shortened(model.name, 40) for model in found[:_NAMES_SHOWN])
    more = " …" if len(found) > _NAMES_SHOWN else ""
    words = ngettext("%(count)s found", "%(count)s found", len(found)) % {"count": len(found)}
    return f"{words} ({shown}{more})" if found else words


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
        if _keep(key, verdict):
            _give_back(key, verdict)
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
    over = (ProviderKey.State.DISABLED, ProviderKey.State.EXPIRED)
    keys = ProviderKey.objects.exclude(state__in=over).filter(provider__state=Provider.State.ON)
    keys = keys.select_related("provider").prefetch_related("provider__doors")
    oldest = keys.order_by(F("probed_at").asc(nulls_first=True), "pk")
    return [key for key in oldest if key.probed_at is None or now - key.probed_at >= _pause(key, key.probed_at)]


def _pause(key: ProviderKey, probed_at: datetime) -> timedelta:
    usual: timedelta = settings.GATEWAY_PROBE_INTERVAL
    if key.state not in _OUT:
        return usual
    return max(usual, min(probed_at - key.state_since, _LONGEST_PAUSE))


def _probe(key: ProviderKey) -> Verdict:
    # Held from here on, so that _keep sees whether they are others by then.
    prefetch_related_objects([key], "provider__doors")
    try:
        secret = secrets.reveal(key)
    except CannotOpen:
        sealed = Step(ok=False, says=_("its secret was sealed for other hosts: replace it"))
        return Verdict(_not_reached(), sealed, _not_reached())
    except AddressRefused as error:
        return Verdict(Step(ok=False, says=str(error).rstrip(".")), _not_reached(), _not_reached())
    return ask(profiles.profile_of(key.provider), secret)


def _keep(asked: ProviderKey, verdict: Verdict) -> bool:
    """False, and nothing is kept, when the answer is about a secret or an address that is gone."""
    key = secrets.locked(asked)
    if key.sealed != asked.sealed or profiles.profile_of(key.provider) != profiles.profile_of(asked.provider):
        return False
    key.probed_at, key.probe_trouble, key.probe_ms = clock.now(), verdict.trouble, verdict.took_ms
    key.probe_models = len(verdict.names) if verdict.models.ok else None
    key.save(update_fields=["probed_at", "probe_trouble", "probe_ms", "probe_models"])
    if verdict.refused and key.state == ProviderKey.State.ACTIVE:
        switching.switch(key, ProviderKey.State.INVALID, "refused", actor=None, reason=verdict.trouble)
        log.warning("provider_key_refused", key=key.ref, provider=key.provider.ref)
    elif verdict.out_of_money and key.state == ProviderKey.State.ACTIVE:
        switching.switch(key, ProviderKey.State.EXHAUSTED, "exhausted", actor=None, reason=verdict.trouble)
        log.warning("provider_key_exhausted", key=key.ref, provider=key.provider.ref)
    elif verdict.credentials.ok and key.state in _OUT:
        switching.switch(
            key, ProviderKey.State.ACTIVE, "accepted", actor=None, reason=_("The provider takes it again.")
        )
        log.info("provider_key_accepted", key=key.ref, provider=key.provider.ref)
    return True


def _give_back(key: ProviderKey, verdict: Verdict) -> None:
    """Models that the key was said not to have, and that the provider lists for it. Only when a person tests: a provider
    that lists what it refuses would have it refused every ten minutes.
    """
    if not verdict.credentials.ok:
        return
    if WithheldModel.objects.filter(key=key, model__upstream_name__in=verdict.names).delete()[0]:
        changes.announce("catalogue")
