"""What the pages behind a refusal do. Each act is the verb that the page of its app calls too; then the state is looked at again.

After an act the fix page is asked again: it says that the call would pass, or what else is in the way.
"""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apipark import clock
from apipark.problems import PROBLEMS, ProblemType
from billing import caps, invoicing, offers, payment_methods, subscriptions
from billing.dunning import default_method
from billing.forms import CardForm, DetailsForm
from billing.models import Invoice, PaymentAttempt, PaymentMethod, PlanVersion, Subscription
from billing.offers import Offer
from proxy import ways
from proxy.forms import ChangeForm, RaiseCapForm, RefForm, SubscribeForm
from proxy.subjects import Subject
from proxy.views.fix import address, enter, look, page
from teams import applications
from teams import details as billing_details
from teams.models import Application, Team
from teams.roles import Action, names
from teams.roles import check as require
from teams.signed_in import SignedInRequest, came_from

Act = Callable[[SignedInRequest, ProblemType, Subject], HttpResponse | None]


def _act(action: Action) -> Callable[[Act], Callable[..., HttpResponse]]:
    """Find what the link is about within the person's teams, ask whether they may, do it, and look again."""

    def decorate(verb: Act) -> Callable[..., HttpResponse]:
        @never_cache
        @login_required
        @require_POST
        @wraps(verb)
        def view(request: HttpRequest, slug: str) -> HttpResponse:
            here: SignedInRequest = request  # type: ignore[assignment]  # signed in, and in a team: by decorator and middleware
            kind = PROBLEMS.get(slug)
            if kind is None or "fix" not in kind.links:
                raise Http404
            subject = enter(here, kind)
            require(here, action, subject.application)
            try:
                answer = verb(here, kind, subject)
            except ValidationError as error:
                messages.error(request, " ".join(error.messages))
                answer = None
            return answer or redirect(address(slug, subject))

        return names(action)(view)

    return decorate


@_act(Action.SUBSCRIBE_FREE)
def subscribe(request: SignedInRequest, kind: ProblemType, subject: Subject) -> None:  # noqa: ARG001 (all acts are alike)
    form = SubscribeForm(request.POST)
    version = _version(form)
    if subject.service and not version.plan.services.filter(pk=subject.service.pk).exists():
        raise Http404
    require(request, ways.act_of(Offer(version)))
    ref = form.cleaned_data["application"]
    application = get_object_or_404(Application, team=subject.team, ref=ref) if ref else None
    made = subscriptions.subscribe(subject.team, version, actor=request.user, application=application)
    if made.approval == Subscription.Approval.WAITING:
        messages.success(request, _("Asked for. The publisher decides; calls are refused until then."))


@_act(Action.SUBSCRIBE_FREE)
def change_plan(request: SignedInRequest, kind: ProblemType, subject: Subject) -> None:
    form = ChangeForm(request.POST)
    version = _version(form)
    subscription = ways.subscription_of(subject, look(subject, kind))
    if subscription is None:
        raise Http404
    require(request, ways.act_of(Offer(version), subscription))
    subscriptions.change_plan(subscription, version, actor=request.user, agreed_minor=form.cleaned_data["agreed_minor"])
    messages.success(request, _("Your plan is %(plan)s now.") % {"plan": version.plan})


@sensitive_post_parameters()
@_act(Action.PAY)
def card(request: SignedInRequest, kind: ProblemType, subject: Subject) -> HttpResponse | None:
    """The new card takes the place of the one that fails, and open invoices are tried with it at once."""
    form = CardForm(request.POST)
    if not form.is_valid():
        return page(request, kind, subject, card_form=form)
    failing = PaymentMethod.objects.filter(team=subject.team, is_default=True).on_file().first()
    try:
        if failing and default_method(subject.team, clock.now()) is None:
            payment_methods.replace(failing, form.card, actor=request.user)
        else:
            payment_methods.add(subject.team, form.card, actor=request.user)
    except ValidationError as error:
        form.add_error(None, error)
        return page(request, kind, subject, card_form=form)
    messages.success(request, _("The payment method is on file. What is open was tried with it at once."))
    return None


@_act(Action.PAY)
def make_default(request: SignedInRequest, kind: ProblemType, subject: Subject) -> None:  # noqa: ARG001
    rows = PaymentMethod.objects.filter(team=subject.team).on_file()
    method = get_object_or_404(rows, ref=_ref(request))
    payment_methods.set_default(method, actor=request.user)
    messages.success(request, _("%(method)s pays from now on.") % {"method": method})


@_act(Action.PAY)
def pay(request: SignedInRequest, kind: ProblemType, subject: Subject) -> None:  # noqa: ARG001
    invoice = get_object_or_404(Invoice.objects.filter(team=subject.team), ref=_ref(request))
    method = default_method(subject.team, clock.now())
    if method is None:
        raise ValidationError(_("There is no payment method that can be charged. Add one first."))
    attempt = invoicing.pay(invoice, method, actor=request.user)
    if attempt.state == PaymentAttempt.State.SUCCEEDED:
        messages.success(request, _("Paid. Calls pass again within a second."))
    elif attempt.state == PaymentAttempt.State.DECLINED:
        values = {"method": method, "why": attempt.get_category_display()}
        messages.error(request, _("%(method)s was declined: %(why)s. Another card may pass.") % values)
    else:
        messages.error(request, _("The payment could not be tried. Nothing was charged."))


@_act(Action.CAPS)
def raise_cap(request: SignedInRequest, kind: ProblemType, subject: Subject) -> HttpResponse | None:
    cap = ways.cap(subject, look(subject, kind))
    if cap is None:
        return None
    form = RaiseCapForm(request.POST, cap=cap)
    if not form.is_valid():
        return page(request, kind, subject, cap_form=form)
    caps.raise_cap(cap, form.cleaned_data["limit"], actor=request.user, address=came_from(request))
    messages.success(request, _("The cap holds within a second."))
    return None


@_act(Action.CAPS)
def lift_cap(request: SignedInRequest, kind: ProblemType, subject: Subject) -> None:
    cap = ways.cap(subject, look(subject, kind))
    if cap:
        caps.lift_cap(cap, actor=request.user, address=came_from(request))
        messages.success(request, _("The cap is lifted."))


@_act(Action.PAY)
def resume(request: SignedInRequest, kind: ProblemType, subject: Subject) -> None:
    subscription = ways.subscription_of(subject, look(subject, kind))
    if subscription is None:
        raise Http404
    subscriptions.resume(subscription, by="customer", actor=request.user)
    messages.success(request, _("The subscription goes on."))


@_act(Action.APPLICATIONS)
def switch_on(request: SignedInRequest, kind: ProblemType, subject: Subject) -> None:  # noqa: ARG001
    if subject.application is None:
        raise Http404
    applications.resume(subject.application, actor=request.user, address=came_from(request))
    messages.success(request, _("%(application)s is switched on.") % {"application": subject.application.name})


@_act(Action.PAY)
def details(request: SignedInRequest, kind: ProblemType, subject: Subject) -> HttpResponse | None:
    form = DetailsForm(request.POST, instance=Team.objects.get(pk=subject.team.pk))
    if not form.is_valid():
        return page(request, kind, subject, details_form=form)
    billing_details.change(subject.team, form.cleaned_data, actor=request.user, address=came_from(request))
    messages.success(request, _("Saved. Invoices from now on say so."))
    return None


def _version(form: SubscribeForm | ChangeForm) -> PlanVersion:
    """The terms that were on the page, while they are on offer."""
    if not form.is_valid():
        raise ValidationError(_("Choose a plan first."))
    version = offers.on_offer().filter(ref=form.cleaned_data["version"]).first()
    if version is None:
        raise ValidationError(_("The terms have changed meanwhile. Please look at them again."))
    return version


def _ref(request: SignedInRequest) -> str:
    form = RefForm(request.POST)
    return str(form.cleaned_data["ref"]) if form.is_valid() else ""
