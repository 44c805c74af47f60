"""What a link of a refusal is about: its ids, looked up within the person's own teams.

A foreign id and one that never was are the same: not found. A request id that is not found is only ignored, because a
refused call is shipped to the database a moment later than its answer is read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404

from apipark.ids import call_id
from billing.models import Cap, Invoice, Subscription
from providers.models import AiModel, Service
from proxy.models import Call
from teams.models import ApiKey, Application, Team, User

IDS: Final = ("sub", "app", "svc", "cap", "inv", "key", "ref")
_ID: Final = re.compile(r"[a-z]+_[0-9A-Za-z]{1,40}")


@dataclass(frozen=True, slots=True)
class Subject:
    """All of one team; what the link does not name is filled in from the refused call."""

    team: Team
    # The ids as the link had them.
    ids: Mapping[str, str]
    application: Application | None = None
    key: ApiKey | None = None
    service: Service | None = None
    ai_model: AiModel | None = None
    subscription: Subscription | None = None
    cap: Cap | None = None
    invoice: Invoice | None = None
    call: Call | None = None

    @property
    def query(self) -> str:
        return urlencode(self.ids)

    @property
    def names_anything(self) -> bool:
        return any((self.application, self.key, self.service, self.subscription, self.cap, self.invoice, self.call))


def ids_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """Those that links carry; all other parameters are ignored. Raises Http404 for one that cannot be an id."""
    ids = {name: parameters[name] for name in IDS if parameters.get(name)}
    if not all(_ID.fullmatch(text) for text in ids.values()):
        raise Http404
    return ids


def find(parameters: Mapping[str, str], user: User, team: Team) -> Subject:
    """`team` is where the person is now: it counts when no id names another. Raises Http404."""
    ids = ids_of(parameters)
    call = _call(ids.get("ref", ""), user)
    application = _named(Application.objects.visible_to(user).select_related("team"), ids.get("app"))
    key = _named(ApiKey.objects.visible_to(user).select_related("application__team"), ids.get("key"))
    subscription = _named(_subscriptions(Subscription.objects.visible_to(user)), ids.get("sub"))
    cap = _named(Cap.objects.visible_to(user).select_related("team", "application"), ids.get("cap"))
    invoice = _named(Invoice.objects.visible_to(user).select_related("team", "subscription"), ids.get("inv"))
    service = _service(ids.get("svc"), user, call)
    if call:
        own = Application.objects.visible_to(user).select_related("team")
        application = application or own.filter(pk=call.application).first()
        key = key or ApiKey.objects.visible_to(user).filter(pk=call.api_key, application=application).first()
        subscription = subscription or _subscriptions(Subscription.objects.filter(pk=call.subscription or 0)).first()
    if key and not application:
        application = key.application
    named = [each for each in (application, key, subscription, cap, invoice) if each]
    teams = {each.team_id for each in named} | ({call.team} if call else set())
    if len(teams) > 1 or (key and application and key.application_id != application.pk):
        raise Http404
    return Subject(
        team=Team.objects.get(pk=teams.pop()) if teams else team,
        ids=ids,
        application=application,
        key=key,
        service=service,
        ai_model=AiModel.objects.filter(pk=call.ai_model or 0).first() if call else None,
        subscription=subscription,
        cap=cap,
        invoice=invoice,
        call=call,
    )


def _service(ref: str | None, user: User, call: Call | None) -> Service | None:
    """One that was called is known to its callers, also after it was retired or hidden."""
    services = Service.objects.select_related("team")
    called = services.filter(pk=call.service or 0).first() if call else None
    if not ref or (called and called.ref == ref):
        return called
    return cast("Service", _named(Service.objects.visible_to(user).select_related("team"), ref))


def _call(text: str, user: User) -> Call | None:
    found = call_id(text)
    return Call.objects.visible_to(user).filter(pk=found).first() if found else None


def _named(rows: QuerySet[Any], ref: str | None) -> Any:
    if not ref:
        return None
    found = rows.filter(ref=ref).first()
    if found is None:
        raise Http404
    return found


def _subscriptions(rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    return rows.select_related("version__plan", "application__team", "team")
