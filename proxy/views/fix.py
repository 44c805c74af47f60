"""The page behind the link of each refusal. Reading it changes nothing; the state is that of this moment.

The slug in the address only says what was wrong when the call was refused: what is wrong now decides what is shown.
"""

from datetime import timedelta
from typing import Any, Final, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apipark import clock
from apipark.problems import PROBLEMS, RESOLVERS, Problem, ProblemType, actions_of, refuse, resolvers_of, waits_until
from billing import allowances
from billing.allowances import Used
from billing.forms import CardForm, DetailsForm
from billing.gateways.test import CARDS
from billing.models import Subscription
from proxy import checking, letters, refusals, subjects, ways, wording
from proxy.checking import Finding
from proxy.forms import AskForm, RaiseCapForm
from proxy.subjects import Subject
from proxy.trying_again import command
from teams.models import Application, Membership
from teams.roles import Action, may, names, people_who_may, stand_in
from teams.signed_in import SignedInRequest

# What cannot be asked of the database: which key was presented.
_UNKNOWN_KEY: Final = frozenset({"credentials-missing", "credentials-invalid"})


@never_cache
@require_safe
def fix(request: HttpRequest, slug: str) -> HttpResponse:
    kind = _fixable(slug)
    if not request.user.is_authenticated:
        return _for_strangers(request, kind)
    if not subjects.ids_of(request.GET) and kind.slug not in ways.KEYS:
        # Typed in, or cut off by a mailer: about which call it is, nobody knows.
        return redirect("proxy:problem-type", slug)
    here = cast("SignedInRequest", request)
    return page(here, kind, enter(here, kind))


@names(Action.SEE)
@never_cache
@login_required
@require_POST
def check(request: SignedInRequest, slug: str) -> HttpResponse:
    """Would the call pass? Says so, or goes on to what is wrong now."""
    kind = _fixable(slug)
    subject = enter(request, kind)
    finding = look(subject, kind)
    if finding.problem is None:
        return _done(request, kind, subject, finding, checked=True)
    messages.warning(request, _("The call would still be refused."))
    return redirect(_place(finding.problem, subject))


@names(Action.SEE)
@never_cache
@login_required
@require_POST
def ask(request: SignedInRequest, slug: str) -> HttpResponse:
    kind = _fixable(slug)
    subject = enter(request, kind)
    act = ways.act_for(slug, look(subject, kind))
    form = AskForm(request.POST, people=people_who_may(subject.team, act))
    if form.is_valid():
        try:
            count = letters.ask(
                form.cleaned_data["to"],
                kind=kind,
                url=f"{settings.PUBLIC_URL}{address(slug, subject)}",
                note=form.cleaned_data["note"],
                actor=request.user,
                team=subject.team,
                about=_about(subject),
            )
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            names = ", ".join(str(member.user) for member in form.cleaned_data["to"])
            messages.success(request, _("Asked: %(names)s.") % {"names": names} if count else "")
        return redirect(address(slug, subject))
    return page(request, kind, subject, ask_form=form)


def enter(request: SignedInRequest, kind: ProblemType) -> Subject:
    """What the link is about; the person's role is the one in that team. Raises Http404."""
    subject = subjects.find(request.GET, request.user, request.team)
    if not subject.names_anything and kind.slug not in ways.KEYS:
        raise Http404
    stand_in(request, subject.team.pk)
    return subject


def look(subject: Subject, kind: ProblemType) -> Finding:
    """The state of this moment."""
    if kind.slug in _UNKNOWN_KEY or (kind.slug in ways.KEYS and subject.key is None):
        return Finding(refuse(kind.slug))
    if kind.slug == "ip-not-allowed" and subject.key and subject.key.networks:
        # From where the call came is told to the caller and kept nowhere.
        return Finding(refuse(kind.slug))
    return checking.check(subject, clock.now())


def address(slug: str, subject: Subject) -> str:
    url = reverse("proxy:fix", args=[slug])
    return f"{url}?{subject.query}" if subject.ids else url


def page(
    request: SignedInRequest,
    kind: ProblemType,
    subject: Subject,
    *,
    card_form: CardForm | None = None,
    cap_form: RaiseCapForm | None = None,
    ask_form: AskForm | None = None,
    details_form: DetailsForm | None = None,
) -> HttpResponse:
    finding = look(subject, kind)
    problem = finding.problem
    if problem is None:
        return _done(request, kind, subject, finding)
    if problem.slug != kind.slug:
        title = _(PROBLEMS[problem.slug].title)
        messages.info(request, _("The call is refused for another reason now: %(title)s.") % {"title": title})
        return redirect(_place(problem, subject))
    context = _frame(request, kind, subject, finding) | _ways(request, kind, subject, finding)
    allowed = context["may_act"]
    context |= {
        "card_form": (card_form or CardForm()) if allowed and kind.slug in ways.CARD else None,
        "details_form": (details_form or DetailsForm(instance=subject.team))
        if allowed and kind.slug == "billing-details-incomplete"
        else None,
        "cap_form": (cap_form or RaiseCapForm(cap=context["cap"])) if allowed and context["cap"] else None,
        "ask_form": ask_form,
    }
    return render(request, "proxy/fix.html", context)


def _frame(request: SignedInRequest, kind: ProblemType, subject: Subject, finding: Finding) -> dict[str, Any]:
    """What each page of this view shows: the cause in words, and which call it was."""
    subscription = ways.subscription_of(subject, finding)
    return {
        "kind": kind,
        "title": _(kind.title),
        "detail": _detail(request, subject, finding),
        "subject": subject,
        "subscription": subscription,
        "used": allowances.seen_by(_used(subscription, finding), sees_money=may(request.membership, Action.SEE_MONEY)),
        "call": subject.call,
        "application": checking.named_application(subject),
        "publisher": letters.recipient(subject.service),
        "contact_query": urlencode({name: ref for name, ref in subject.ids.items() if name in {"svc", "ref"}}),
    }


def _used(subscription: Subscription | None, finding: Finding) -> list[Used]:
    """What refuses the call; of one that ended, its last period; all that a call counts towards when it would pass."""
    now, problem, shortage, terms = clock.now(), finding.problem, finding.shortage, finding.terms
    if shortage and terms:
        return [allowances.of_spec(shortage.spec, shortage.state, terms.currency, now)]
    if problem and problem.slug == "subscription-ended" and subscription:
        ended_at = subscription.ended_at or subscription.cancel_at or now
        last = allowances.of_subscription(subscription, ended_at - timedelta(microseconds=1))
        return [each for each in last if not each.is_cap]
    return allowances.of_subscription(subscription, now) if subscription and not problem else []


def _detail(request: SignedInRequest, subject: Subject, finding: Finding) -> str:
    problem = finding.problem
    if problem is None:
        return ""
    if not set(problem.members) >= set(problem.type.members) - problem.type.optional:
        return _(problem.type.meaning)
    context = checking.context_of(subject, finding, may_see_money=may(request.membership, Action.SEE_MONEY))
    content = refusals.describe(problem, request_id="", context=context, public_url="", recorded=False)
    return str(content["detail"])


def _ways(request: SignedInRequest, kind: ProblemType, subject: Subject, finding: Finding) -> dict[str, Any]:
    slug, now, membership = kind.slug, clock.now(), request.membership
    problem = cast("Problem", finding.problem)
    act = ways.act_for(slug, finding)
    if slug in ways.SUBSCRIBE:
        plans = ways.to_subscribe(subject, membership, now)
    elif ways.changes_plan(slug, finding):
        plans = ways.to_change(subject, finding, membership, now)
    else:
        plans = []
    application = checking.named_application(subject) if act == Action.APPLICATIONS else None
    others = ways.only_others(problem)
    may_act = not others and (may(membership, act, application) or any(way.may for way in plans))
    asks = not others and not (may_act and all(way.may for way in plans))
    until = waits_until(problem)
    subscription = ways.subscription_of(subject, finding)
    return {
        "plans": plans,
        "changes": ways.changes_plan(slug, finding),
        "methods": ways.methods(subject, now) if may_act and slug in ways.CARD else [],
        "method": ways.chargeable(subject, now),
        "invoices": ways.invoices(subject, finding) if may_act and slug in ways.PAY else [],
        "test_cards": CARDS if settings.BILLING_TEST_GATEWAY and may_act else (),
        "bank_details": settings.BILLING_BANK_DETAILS,
        "cap": ways.cap(subject, finding) if slug == "spend-cap-reached" else None,
        "resumes": slug == "subscription-paused" and ways.may_resume(subscription),
        "keys": slug in ways.KEYS,
        "missing": problem.members.get("missing", ()),
        "reduces": "reduce_request" in actions_of(problem),
        "fits": problem.members.get("fits", {}).get("max_tokens"),
        "until": wording.parse(until) if until else None,
        "may_act": may_act,
        "others": others,
        "who": [_(RESOLVERS[each]) for each in resolvers_of(problem)],
        "people": _people(request, subject, act, application) if asks else [],
        "asked": letters.last_asked(_about(subject), kind),
        "act": act,
    }


def _people(
    request: SignedInRequest, subject: Subject, act: Action, application: Application | None
) -> list[Membership]:
    """Who can be asked: not oneself, and no developer whose application it is not."""
    members = people_who_may(subject.team, act).exclude(user=request.user)
    return [member for member in members if may(member, act, application)]


def _done(
    request: SignedInRequest, kind: ProblemType, subject: Subject, finding: Finding, *, checked: bool = False
) -> HttpResponse:
    context = _frame(request, kind, subject, finding)
    context |= {"checked_at": clock.now() if checked else None, "command": command(subject)}
    return render(request, "proxy/fix_done.html", context)


def _for_strangers(request: HttpRequest, kind: ProblemType) -> HttpResponse:
    """The public meaning and the way in; nothing about the account, not even whether the ids are real."""
    ids = {name: request.GET[name] for name in subjects.IDS if request.GET.get(name)}
    here = f"{request.path}?{urlencode(ids)}" if ids else request.path
    context = {
        "kind": kind,
        "title": _(kind.title),
        "meaning": _(kind.meaning),
        "here": here,
        "link": f"{settings.PUBLIC_URL}{here}",
        "who": [_(RESOLVERS[each]) for each in kind.resolvers],
    }
    return render(request, "proxy/fix_public.html", context)


def _fixable(slug: str) -> ProblemType:
    kind = PROBLEMS.get(slug)
    if kind is None or "fix" not in kind.links:
        raise Http404
    return kind


def _place(problem: Problem, subject: Subject) -> str:
    """Where the present cause is treated; what nobody here can lift is only explained."""
    if "fix" in problem.type.links:
        return address(problem.slug, subject)
    return reverse("proxy:problem-detail", args=[problem.slug])


def _about(subject: Subject) -> Any:
    return subject.application or subject.subscription or subject.team
