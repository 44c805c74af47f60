"""Would the refused call pass now? Asked in the gateway's order and with its rules, from the database.

It reserves nothing, calls no upstream and charges nothing. Rates are not asked: a minute later they are others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apipark.problems import Problem, refuse
from billing import contracts, leases
from billing.leases import AllowanceState
from billing.standing import Refuse, admit
from billing.terms import AllowanceSpec, OpenInvoice, Terms
from providers.models import AiModel, Service, VersionState
from proxy import consumers, shortages
from proxy.coverage import decide
from proxy.purse import Shortage
from proxy.refusals import Context, members_of
from proxy.subjects import Subject
from teams.models import Application

# The smallest call there is: what a call asks for that was refused before its units were known.
_SMALLEST: Final = {"calls": 1, "bytes": 1, "tokens": 1, "spend": 1}


@dataclass(frozen=True, slots=True)
class Finding:
    """`problem` is None when the call would pass."""

    problem: Problem | None
    terms: Terms | None = None
    shortage: Shortage | None = None


def check(subject: Subject, now: datetime) -> Finding:
    """For the application, service, model and amounts of the subject."""
    if refused := _key_refused(subject, now):
        return Finding(refused)
    application = application_of(subject)
    if application is None:
        return _without_application(subject, now)
    if refused := _not_offered(subject):
        return Finding(refused)
    consumer = consumers.of(application, subject.key)
    services = _service_ids(subject) or [pk for terms in consumer.terms for pk in sorted(terms.service_ids)]
    verdict = decide(consumer, services, subject.ai_model.pk if subject.ai_model else None, now)
    if isinstance(verdict.answer, Refuse):
        return Finding(refuse(verdict.answer.slug, **members_of(verdict.answer.members)), verdict.terms)
    terms = verdict.terms
    if terms is None:
        return Finding(refuse("subscription-required"))
    if verdict.model_missing and subject.ai_model:
        return Finding(refuse("plan-upgrade-required", feature=subject.ai_model.name), terms)
    if subject.call and terms.max_request_bytes is not None and subject.call.request_bytes > terms.max_request_bytes:
        return Finding(refuse("plan-upgrade-required", feature="max_request_bytes"), terms)
    return _fits(terms, units_of(subject), now)


def application_of(subject: Subject) -> Application | None:
    """Whose call it was; for a link that names none, one that would meet the same."""
    if named := _named(subject):
        return named
    return Application.objects.filter(team=subject.team).select_related("team").order_by("pk").first()


def named_application(subject: Subject) -> Application | None:
    """Whose call it was for certain: named by the link, or the only one that the team has."""
    if named := _named(subject):
        return named
    few = list(Application.objects.filter(team=subject.team).select_related("team")[:2])
    return few[0] if len(few) == 1 else None


def _named(subject: Subject) -> Application | None:
    holders = (subject.subscription, subject.cap)
    return subject.application or next((each.application for each in holders if each and each.application), None)


def units_of(subject: Subject) -> Mapping[str, int]:
    units = subject.call.asked.get("units") if subject.call and isinstance(subject.call.asked, dict) else None
    return units or _SMALLEST


def context_of(subject: Subject, finding: Finding, *, may_see_money: bool) -> Context:
    """For the sentence of the page: the same words as in the refusal."""
    terms, service = finding.terms, subject.service
    invoice: OpenInvoice | None = terms.facts.open_invoice if terms else None
    return Context(
        team_ref=subject.team.ref,
        application_ref=subject.application.ref if subject.application else "",
        service_slug=service.slug if service else "",
        service_ref=service.ref if service else "",
        service_name=service.name if service else "",
        subscription_ref=terms.subscription_ref if terms else "",
        plan_slug=terms.plan_slug if terms else "",
        plan_name=terms.plan_name if terms else "",
        plan_version=terms.plan_version if terms else 0,
        invoice_ref=invoice.ref if invoice else "",
        currency=terms.currency if terms else subject.team.currency,
        amount_due_minor=invoice.total_minor if invoice else 0,
        payment_declined=bool(invoice and invoice.last_declined),
        decline_category=invoice.decline_category if invoice else "",
        may_see_money=may_see_money,
    )


def _key_refused(subject: Subject, now: datetime) -> Problem | None:
    key = subject.key
    if key is None:
        return None
    if key.revoked_at and key.revoked_at <= now:
        return refuse("credentials-revoked", **members_of({"revoked_at": key.revoked_at}))
    if key.expires_at and key.expires_at <= now:
        return refuse("credentials-expired", **members_of({"expired_at": key.expires_at}))
    return None


def _not_offered(subject: Subject) -> Problem | None:
    """Service and model are still there to be called."""
    if subject.service:
        own = subject.service.team_id == subject.team.pk
        if subject.service.visibility == Service.Visibility.TEAM and not own:
            return refuse("route-not-found")
        versions = subject.service.versions.filter(state__in=VersionState.callable())
        if subject.call and subject.call.service_version and "@" in subject.call.path:
            # The address named a version.
            versions = versions.filter(pk=subject.call.service_version)
        if not versions.exists():
            return refuse("version-retired")
    if subject.ai_model and subject.ai_model.state != AiModel.State.ON:
        return refuse("model-not-found", did_you_mean=[])
    return None


def _service_ids(subject: Subject) -> list[int]:
    if subject.ai_model:
        offering = Service.objects.filter(
            versions__ai_models=subject.ai_model, versions__state__in=VersionState.callable()
        )
        return list(offering.order_by("pk").values_list("pk", flat=True).distinct())
    if subject.service:
        return [subject.service.pk]
    subscription = subject.subscription or (subject.invoice.subscription if subject.invoice else None)
    if subscription is None:
        return []
    return list(subscription.version.plan.services.order_by("pk").values_list("pk", flat=True))


def _fits(terms: Terms, units: Mapping[str, int], now: datetime) -> Finding:
    """What workers hold idle comes back within a second, so only what is used counts."""
    for spec, state in zip(terms.allowances, leases.usage(terms.allowances, now), strict=True):
        if _lacks(spec, state, units):
            shortage = Shortage(spec, units.get(spec.meter, 0), state, exhausted=True)
            return Finding(shortages.problem(shortage), terms, shortage)
    return Finding(None, terms)


def _lacks(spec: AllowanceSpec, state: AllowanceState, units: Mapping[str, int]) -> bool:
    return state.limit is not None and state.used + units.get(spec.meter, 0) > state.limit


def _without_application(subject: Subject, now: datetime) -> Finding:
    """A team that has none yet: only its subscription can be judged."""
    if subject.subscription is None:
        return Finding(refuse("subscription-required"))
    answer = admit(contracts.facts_of(subject.subscription, now), now)
    return Finding(refuse(answer.slug, **members_of(answer.members)) if isinstance(answer, Refuse) else None)
