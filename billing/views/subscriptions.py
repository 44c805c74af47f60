from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apipark import clock
from billing import allowances, caps, offers, subscriptions
from billing.contracts import facts_of_team, period_at, version_at
from billing.dunning import default_method
from billing.forms import CapForm, ChangeForm
from billing.models import Cap, Subscription
from billing.offers import Offer
from billing.overview import Overview, change_preview, reach
from teams.models import Application
from teams.roles import Action, check, may, requires
from teams.signed_in import SignedInRequest, came_from


@requires(Action.SEE)
@require_safe
def index(request: SignedInRequest) -> HttpResponse:
    now = clock.now()
    rows = [Overview(subscription, facts, now) for subscription, facts in facts_of_team(request.team, now)]
    used = allowances.of_subscriptions([row.subscription for row in rows if not row.ended], now)
    sees_money = may(request.membership, Action.SEE_MONEY)
    shown = [
        (
            row,
            [
                each
                for each in allowances.seen_by(used.get(row.subscription.pk, []), sees_money=sees_money)
                if not each.is_cap
            ],
        )
        for row in rows
    ]
    return render(request, "billing/subscription_list.html", {"rows": shown})


@requires(Action.SEE, of=Subscription.objects.visible_to)
@require_safe
def detail(request: SignedInRequest, subscription: Subscription) -> HttpResponse:
    return _page(request, subscription, CapForm(team=request.team))


@requires(Action.SUBSCRIBE_FREE, of=Subscription.objects.visible_to)
@require_POST
def change(request: SignedInRequest, subscription: Subscription) -> HttpResponse:
    form = ChangeForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a plan first."))
        return redirect("billing:subscription-detail", subscription.ref)
    version = get_object_or_404(offers.on_offer(), plan__ref=form.cleaned_data["to"])
    check(request, _action(subscription, Offer(version)))
    try:
        changed = subscriptions.change_plan(
            subscription, version, actor=request.user, agreed_minor=form.cleaned_data["agreed_minor"]
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _changed(changed))
    return redirect("billing:subscription-detail", subscription.ref)


@requires(Action.SUBSCRIBE_FREE, of=Subscription.objects.visible_to)
@require_POST
def cancel(request: SignedInRequest, subscription: Subscription) -> HttpResponse:
    check(request, _action(subscription))
    return _do(request, subscription, subscriptions.cancel, _("Canceled."))


@requires(Action.SUBSCRIBE_FREE, of=Subscription.objects.visible_to)
@require_POST
def keep(request: SignedInRequest, subscription: Subscription) -> HttpResponse:
    check(request, _action(subscription))
    return _do(request, subscription, subscriptions.keep, _("It goes on."))


@requires(Action.CAPS, of=Subscription.objects.visible_to)
@require_POST
def cap(request: SignedInRequest, subscription: Subscription) -> HttpResponse:
    """A cap of the team or of an application; set on the page of a subscription, where it is seen."""
    form = CapForm(request.POST, team=request.team)
    if form.is_valid():
        try:
            caps.set_cap(request.team, **form.cleaned_data, actor=request.user, address=came_from(request))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The cap holds within a second."))
            return redirect("billing:subscription-detail", subscription.ref)
    return _page(request, subscription, form)


@requires(Action.CAPS, of=Cap.objects.visible_to)
@require_POST
def lift_cap(request: SignedInRequest, cap: Cap) -> HttpResponse:
    try:
        caps.lift_cap(cap, actor=request.user, address=came_from(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("The cap is lifted."))
    # A NUL byte is in no ref, and PostgreSQL does not let one be asked for.
    ref = request.POST.get("sub", "").replace("\0", "")
    found = Subscription.objects.filter(team=request.team, ref=ref).first()
    return redirect("billing:subscription-detail", found.ref) if found else redirect("billing:subscription-list")


@requires(Action.SEE, of=Application.objects.visible_to)
@require_safe
def application_reach(request: SignedInRequest, application: Application) -> HttpResponse:
    """What a key of the application reaches: for its page, which knows nothing of plans."""
    template = "billing/_reach.html" if request.headers.get("HX-Request") else "billing/reach.html"
    return render(request, template, {"application": application, "rows": reach(application, clock.now())})


def _page(request: SignedInRequest, subscription: Subscription, cap_form: CapForm) -> HttpResponse:
    now = clock.now()
    found = next(
        Overview(one, facts, now) for one, facts in facts_of_team(request.team, now) if one.pk == subscription.pk
    )
    version, _anchor = version_at(found.subscription, now)
    beside = [] if found.ended else offers.beside(found.subscription)
    return render(
        request,
        "billing/subscription_detail.html",
        {
            "row": found,
            "subscription": found.subscription,
            "offer": Offer(version),
            "period": period_at(found.subscription, now),
            "allowances": allowances.seen_by(
                allowances.of_subscription(found.subscription, now),
                sees_money=may(request.membership, Action.SEE_MONEY),
            ),
            "plans": [(each, may(request.membership, _action(subscription, each))) for each in beside],
            "preview": change_preview(found.subscription, request.GET.get("to", ""), beside),
            "method": default_method(request.team, now),
            "caps": Cap.objects.filter(team=request.team, lifted_at=None).select_related("application", "api_key"),
            "cap_form": cap_form,
            "may_cap": may(request.membership, Action.CAPS),
            "may_change": may(request.membership, _action(subscription)),
            "ends_at_once": subscriptions.ends_at_once(found.subscription, now),
            "sees_money": may(request.membership, Action.SEE_MONEY),
        },
    )


def _action(subscription: Subscription, other: Offer | None = None) -> Action:
    """Money is in play when the plan costs any, or the one it changes to."""
    paid = subscription.version.price_minor or (other and not other.is_free)
    return Action.PAY if paid else Action.SUBSCRIBE_FREE


def _do(
    request: SignedInRequest, subscription: Subscription, verb: Callable[..., Subscription], words: str
) -> HttpResponse:
    try:
        verb(subscription, actor=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, words)
    return redirect("billing:subscription-detail", subscription.ref)


def _changed(subscription: Subscription) -> str:
    if subscription.pending_version:
        return _("It changes when this period ends.")
    return _("Your plan is %(plan)s now.") % {"plan": subscription.version.plan}
