"""Plans of a service, and the step from one to a subscription: the price stands before the button."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apipark import clock
from billing import offers, subscriptions
from billing.dunning import default_method
from billing.forms import SubscribeForm
from billing.models import Subscription
from billing.offers import Offer
from providers import catalogue
from providers.models import Service
from teams.models import Team
from teams.roles import Action, check, may, requires
from teams.signed_in import PersonRequest, SignedInRequest

# One page of the catalogue asks for the prices of all its services at once.
_MOST = catalogue.PAGE


@requires(Action.BROWSE)
@require_safe
def prices(request: PersonRequest) -> HttpResponse:
    """For the tiles of the catalogue, which knows nothing of plans."""
    services = Service.objects.visible_to(request.user).filter(slug__in=request.GET.getlist("service")[:_MOST])
    return render(request, "billing/prices.html", {"prices": offers.lowest_prices(list(services))})


@requires(Action.BROWSE, of=Service.objects.visible_to, by="slug")
@require_safe
def service_plans(request: PersonRequest, service: Service) -> HttpResponse:
    """The whole page, or for htmx the plans alone."""
    template = "billing/_service_plans.html" if request.headers.get("HX-Request") else "billing/service_plans.html"
    held = _held(request.team, service) if request.team else {}
    rows = [(offer, held.get(offer.version.plan_id), _action(offer)) for offer in offers.of_service(service)]
    return render(
        request,
        template,
        {
            "service": service,
            "version": catalogue.current(catalogue.versions_shown(service, own=False)),
            "plans": [(offer, has, may(request.membership, action)) for offer, has, action in rows],
        },
    )


@requires(Action.SUBSCRIBE_FREE)
def subscribe(request: SignedInRequest, slug: str, ref: str) -> HttpResponse:
    service = get_object_or_404(Service.objects.visible_to(request.user), slug=slug)
    version = get_object_or_404(offers.on_offer().filter(plan__services=service), plan__ref=ref)
    offer = Offer(version)
    check(request, _action(offer))
    form = SubscribeForm(request.POST or None, team=request.team, offered=version)
    if request.method == "POST" and form.is_valid():
        try:
            made = subscriptions.subscribe(
                request.team, version, actor=request.user, application=form.cleaned_data["application"]
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _outcome(made))
            return redirect("billing:subscription-detail", made.ref)
    context = {
        "form": form,
        "service": service,
        "offer": offer,
        "waits": version.plan.services.filter(approval=Service.Approval.MANUAL).exists(),
        "method": default_method(request.team, clock.now()),
    }
    return render(request, "billing/subscribe.html", context)


def _action(offer: Offer) -> Action:
    return Action.SUBSCRIBE_FREE if offer.is_free else Action.PAY


def _held(team: Team, service: Service) -> dict[int, Subscription]:
    """By plan: what the team has of this service's plans; what is for all its applications wins."""
    found = Subscription.objects.filter(team=team, ended_at=None, version__plan__services=service)
    narrow_first = found.select_related("version").order_by(F("application").asc(nulls_last=True), "pk")
    return {subscription.version.plan_id: subscription for subscription in narrow_first}


def _outcome(subscription: Subscription) -> str:
    if subscription.approval == Subscription.Approval.WAITING:
        return _("Asked for. The publisher decides; calls are refused until then.")
    if subscription.invoices.unpaid().exists():
        return _("Subscribed. Calls pass once the first invoice is paid.")
    return _("Subscribed. Calls pass from now on.")
