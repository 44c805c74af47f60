"""Invoices, payment methods and who is billed."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from apipark import clock
from billing import invoicing, payment_methods
from billing.contracts import expires_at
from billing.dunning import default_method
from billing.forms import CardForm, DetailsForm
from billing.gateways.test import CARDS
from billing.models import Invoice, PaymentAttempt, PaymentMethod, Subscription
from teams import details
from teams.models import Team
from teams.roles import Action, may, requires
from teams.signed_in import SignedInRequest, came_from

_INVOICES_A_PAGE = 25


@requires(Action.SEE_MONEY)
@require_safe
def billing(request: SignedInRequest) -> HttpResponse:
    now, team = clock.now(), request.team
    invoices = Invoice.objects.filter(team=team).select_related("version__plan")
    unpaid = list(invoices.unpaid().order_by("due_at"))
    methods = PaymentMethod.objects.filter(team=team).on_file()
    return render(
        request,
        "billing/billing.html",
        {
            "page": Paginator(invoices, _INVOICES_A_PAGE).get_page(request.GET.get("page")),
            "unpaid": unpaid,
            "owed_minor": sum(invoice.total_minor for invoice in unpaid if invoice.currency == team.currency),
            "late": [invoice for invoice in unpaid if _is_late(invoice)],
            "methods": [(method, now >= expires_at(method)) for method in methods],
            "may_pay": may(request.membership, Action.PAY),
            "team": team,
        },
    )


@requires(Action.PAY)
def edit_details(request: SignedInRequest) -> HttpResponse:
    form = DetailsForm(request.POST or None, instance=Team.objects.get(pk=request.team.pk))
    if request.method == "POST" and form.is_valid():
        details.change(request.team, form.cleaned_data, actor=request.user, address=came_from(request))
        messages.success(request, _("Saved. Invoices from now on say so."))
        return redirect("billing:billing")
    return render(request, "billing/details_form.html", {"form": form})


@requires(Action.PAY)
@sensitive_post_parameters()
def add_method(request: SignedInRequest) -> HttpResponse:
    return _card_page(request, None)


@requires(Action.PAY, of=PaymentMethod.objects.visible_to)
@sensitive_post_parameters()
def replace_method(request: SignedInRequest, method: PaymentMethod) -> HttpResponse:
    return _card_page(request, method)


@requires(Action.PAY, of=PaymentMethod.objects.visible_to)
@require_POST
def make_default(request: SignedInRequest, method: PaymentMethod) -> HttpResponse:
    try:
        payment_methods.set_default(method, actor=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("%(method)s pays from now on.") % {"method": method})
    return redirect("billing:billing")


@requires(Action.PAY, of=PaymentMethod.objects.visible_to)
def remove_method(request: SignedInRequest, method: PaymentMethod) -> HttpResponse:
    """What depends on it is said first."""
    if request.method == "POST":
        try:
            payment_methods.remove(method, actor=request.user)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, _("%(method)s is removed.") % {"method": method})
        return redirect("billing:billing")
    others = PaymentMethod.objects.filter(team=method.team).on_file().exclude(pk=method.pk)
    needing = Subscription.objects.filter(team=method.team, ended_at=None, version__requires_method=True)
    context = {
        "method": method,
        "others": others.exists(),
        "needing": needing.select_related("version__plan"),
    }
    return render(request, "billing/method_remove.html", context)


@requires(Action.SEE_MONEY, of=Invoice.objects.visible_to)
@require_safe
def invoice(request: SignedInRequest, invoice: Invoice) -> HttpResponse:
    return render(
        request,
        "billing/invoice_detail.html",
        {
            "invoice": invoice,
            "lines": invoice.lines.all(),
            "attempts": invoice.attempts.select_related("method"),
            "late": invoice.state == Invoice.State.OPEN and _is_late(invoice),
            "method": default_method(invoice.team, clock.now()),
            "may_pay": may(request.membership, Action.PAY),
            "bank_details": settings.BILLING_BANK_DETAILS,
            "plan": invoice.version.plan,
        },
    )


@requires(Action.PAY, of=Invoice.objects.visible_to)
@require_POST
def pay(request: SignedInRequest, invoice: Invoice) -> HttpResponse:
    method = default_method(invoice.team, clock.now())
    if method is None:
        messages.error(request, _("There is no payment method that can be charged. Add one first."))
        return redirect("billing:invoice-detail", invoice.ref)
    try:
        attempt = invoicing.pay(invoice, method, actor=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        _say(request, attempt)
    return redirect("billing:invoice-detail", invoice.ref)


def _card_page(request: SignedInRequest, old: PaymentMethod | None) -> HttpResponse:
    form = CardForm(request.POST or None)
    back = _back(request)
    if request.method == "POST" and form.is_valid():
        try:
            if old:
                payment_methods.replace(old, form.card, actor=request.user)
            else:
                payment_methods.add(request.team, form.card, actor=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The payment method is on file. What is open was tried with it at once."))
            return HttpResponseRedirect(back)
    context = {"form": form, "old": old, "back": back, "test_cards": CARDS if settings.BILLING_TEST_GATEWAY else ()}
    return render(request, "billing/method_form.html", context)


def _back(request: SignedInRequest) -> str:
    """Where the person came from, on this site only."""
    url = request.POST.get("next") or request.GET.get("next") or ""
    here = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if here else reverse("billing:billing")


def _is_late(invoice: Invoice) -> bool:
    return invoice.first_failed_at is not None or invoice.due_at < clock.now()


def _say(request: SignedInRequest, attempt: PaymentAttempt) -> None:
    if attempt.state == PaymentAttempt.State.SUCCEEDED:
        messages.success(request, _("Paid. Calls pass again within a second."))
    elif attempt.state == PaymentAttempt.State.DECLINED:
        values = {"method": attempt.method, "why": attempt.get_category_display()}
        messages.error(request, _("%(method)s was declined: %(why)s. Another card may pass.") % values)
    else:
        messages.error(request, _("The payment could not be tried. Nothing was charged."))
