from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apipark import clock, money
from billing import subscriptions
from billing.models import Cap, Invoice, PaymentMethod, PlanVersion, Subscription
from providers.models import Service, VersionState
from teams.models import AuditEvent, Membership, Role, Team
from tests.billing.factories import (
    CapFactory,
    PaymentMethodFactory,
    PlanFactory,
    PlanVersionFactory,
    ServiceFactory,
    SubscriptionFactory,
)
from tests.teams.factories import ApplicationFactory, MembershipFactory

pytestmark = pytest.mark.django_db

CARD = {"number": "4242 4242 4242 4242", "exp_month": "12", "exp_year": "2080", "cvc": "123"}


def enter(client: Client, role: str = Role.OWNER, team: Team | None = None) -> Membership:
    membership = MembershipFactory.create(role=role, **({"team": team} if team else {}))
    client.force_login(membership.user)
    return membership


def offered(**fields: Any) -> tuple[Service, PlanVersion]:
    version = PlanVersionFactory.create(**fields)
    service = version.plan.services.get()
    service.versions.create(number=1, state=VersionState.PUBLISHED, upstream_url="https://example.org")
    return service, version


def subscribe_url(service: Service, version: PlanVersion) -> str:
    return reverse("billing:subscribe", args=[service.slug, version.plan.ref])


def paid_subscription(team: Team, behaviour: str = "succeeds") -> Subscription:
    """Whose first invoice was tried with a card that behaves so."""
    PaymentMethodFactory.create(team=team, behaviour=behaviour)
    version = PlanVersionFactory.create(price_minor=1900, limits={"calls": 1000})
    return subscriptions.subscribe(team, version, actor=None)


# Subscribing ---------------------------------------------------------------------------------------------------------
def test_plans_stand_on_a_page_and_alone_for_htmx(client: Client) -> None:
    enter(client)
    service, version = offered(price_minor=1900, limits={"calls": 5000})
    url = reverse("billing:service-plans", args=[service.slug])

    page, part = client.get(url).content.decode(), client.get(url, headers={"HX-Request": "true"}).content.decode()

    assert subscribe_url(service, version) in page
    assert subscribe_url(service, version) in part
    assert ("<html" in page, "<html" in part) == (True, False)
    assert "$19.00" in part
    assert "5,000" in part


def test_plan_that_one_application_has_for_itself_can_be_had_for_another(client: Client) -> None:
    team = enter(client).team
    service, version = offered()
    url, other = reverse("billing:service-plans", args=[service.slug]), subscribe_url(service, version)
    SubscriptionFactory.create(team=team, version=version, application=ApplicationFactory.create(team=team))

    alone = client.get(url).content.decode()
    SubscriptionFactory.create(team=team, version=version)
    everybody = client.get(url).content.decode()

    assert "Yours" in alone
    assert (other in alone, other in everybody) == (True, False)


def test_price_stands_before_the_button(client: Client) -> None:
    enter(client)
    service, version = offered(price_minor=1900)

    page = client.get(subscribe_url(service, version)).content.decode()

    assert "All applications" in page
    assert page.index("$19.00") < page.index("Subscribe and pay $19.00")


def test_subscribing_begins_for_one_application(client: Client) -> None:
    team = enter(client).team
    application = ApplicationFactory.create(team=team)
    service, version = offered()

    answer = client.post(
        subscribe_url(service, version), {"version": version.ref, "application": application.ref}, follow=True
    )

    subscription = Subscription.objects.get()
    assert (subscription.team, subscription.application, subscription.version) == (team, application, version)
    assert answer.redirect_chain[-1][0] == reverse("billing:subscription-detail", args=[subscription.ref])
    assert "Calls pass from now on." in answer.content.decode()


def test_subscribing_twice_is_refused_in_words(client: Client) -> None:
    team = enter(client).team
    service, version = offered()
    SubscriptionFactory.create(team=team, version=version)

    page = client.post(subscribe_url(service, version), {"version": version.ref, "application": "all"}).content.decode()

    assert "You have subscribed to this plan already." in page


def test_terms_that_were_not_shown_are_not_agreed_to(client: Client) -> None:
    enter(client)
    service, version = offered()

    page = client.post(
        subscribe_url(service, version), {"version": "pver_older", "application": "all"}
    ).content.decode()

    assert "The terms have changed meanwhile" in page
    assert not Subscription.objects.exists()


def test_another_teams_application_cannot_be_chosen(client: Client) -> None:
    enter(client)
    service, version = offered()
    stranger = ApplicationFactory.create()

    answer = client.post(subscribe_url(service, version), {"version": version.ref, "application": stranger.ref})

    assert list(answer.context["form"].errors) == ["application"]


@pytest.mark.parametrize(
    ("role", "free", "paid"),
    [
        (Role.OWNER, 200, 200),
        (Role.ADMIN, 200, 403),
        (Role.DEVELOPER, 200, 403),
        (Role.BILLING, 200, 200),
        (Role.VIEWER, 403, 403),
    ],
)
def test_roles_may_subscribe(client: Client, role: str, free: int, paid: int) -> None:
    enter(client, role)
    urls = [subscribe_url(*offered()), subscribe_url(*offered(price_minor=100))]

    assert [client.get(url).status_code for url in urls] == [free, paid]


# Subscriptions -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rows", [1, 3])
def test_subscription_list_costs_the_same_for_any_length(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    team = enter(client).team
    for _row in range(rows):
        SubscriptionFactory.create(
            team=team,
            version=PlanVersionFactory.create(limits={"calls": 100}),
            application=ApplicationFactory.create(team=team),
        )

    # Session, person, memberships; methods, subscriptions, versions, limits, models, services, debts; caps, allowances.
    with django_assert_num_queries(12):
        answer = client.get(reverse("billing:subscription-list"))

    assert answer.content.count(b"0 of 100") == rows


def test_subscription_page_shows_used_of_limit(client: Client) -> None:
    subscription = SubscriptionFactory.create(
        team=enter(client).team, version=PlanVersionFactory.create(limits={"calls": 1234})
    )

    page = client.get(reverse("billing:subscription-detail", args=[subscription.ref])).content.decode()

    assert "1,234" in page
    assert "Active" in page


def test_change_is_previewed_and_made(client: Client) -> None:
    team = enter(client).team
    subscription = paid_subscription(team)
    small = subscription.version.plan
    larger = PlanVersionFactory.create(
        plan=PlanFactory.create(publisher=small.publisher, services=list(small.services.all())), price_minor=9900
    )
    url = reverse("billing:subscription-detail", args=[subscription.ref])

    preview = client.get(url, {"to": larger.plan.ref}).context["preview"]
    answer = client.post(
        reverse("billing:subscription-change", args=[subscription.ref]),
        {"to": larger.plan.ref, "agreed_minor": preview.change.amount_minor},
        follow=True,
    )

    assert 0 < preview.change.amount_minor <= 9900
    subscription.refresh_from_db()
    assert subscription.version == larger
    assert f"Your plan is {larger.plan} now." in answer.content.decode()


def test_change_costs_never_more_than_was_shown(client: Client) -> None:
    subscription = paid_subscription(enter(client).team)
    small = subscription.version
    larger = PlanVersionFactory.create(
        plan=PlanFactory.create(publisher=small.plan.publisher, services=list(small.plan.services.all())),
        price_minor=9900,
    )

    answer = client.post(
        reverse("billing:subscription-change", args=[subscription.ref]),
        {"to": larger.plan.ref, "agreed_minor": "1"},
        follow=True,
    )

    subscription.refresh_from_db()
    assert subscription.version == small
    assert "The price has changed meanwhile" in answer.content.decode()


def test_developer_cannot_change_to_a_paid_plan(client: Client) -> None:
    team = enter(client, Role.DEVELOPER).team
    subscription = SubscriptionFactory.create(team=team)
    free = subscription.version.plan
    paid = PlanVersionFactory.create(
        plan=PlanFactory.create(publisher=free.publisher, services=list(free.services.all())), price_minor=100
    )

    answer = client.post(
        reverse("billing:subscription-change", args=[subscription.ref]), {"to": paid.plan.ref, "agreed_minor": "100"}
    )

    assert answer.status_code == 403


def test_cancellation_is_taken_back(client: Client) -> None:
    subscription = paid_subscription(enter(client).team)

    client.post(reverse("billing:subscription-cancel", args=[subscription.ref]))
    subscription.refresh_from_db()
    canceled = subscription.cancel_at
    client.post(reverse("billing:subscription-keep", args=[subscription.ref]))
    subscription.refresh_from_db()

    assert canceled is not None
    assert subscription.cancel_at is None


@pytest.mark.parametrize(
    ("behaviour", "words"), [("succeeds", "You can take it back until then."), ("insufficient", "It ends at once")]
)
def test_cancellation_says_first_what_it_does(client: Client, behaviour: str, words: str) -> None:
    subscription = paid_subscription(enter(client).team, behaviour=behaviour)
    url = reverse("billing:subscription-cancel", args=[subscription.ref])

    page = client.get(reverse("billing:subscription-detail", args=[subscription.ref])).content.decode()

    dialog = page[page.index("<dialog") : page.index("</dialog>")]
    assert url in dialog
    assert words in dialog
    assert url not in page.replace(dialog, "")


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 403), (Role.DEVELOPER, 403), (Role.BILLING, 302)])
def test_a_paid_plan_is_ended_by_those_who_pay(client: Client, role: str, status: int) -> None:
    subscription = paid_subscription(enter(client, role).team)

    assert client.post(reverse("billing:subscription-cancel", args=[subscription.ref])).status_code == status


def test_cap_is_set_and_lifted(client: Client) -> None:
    subscription = SubscriptionFactory.create(team=enter(client).team)

    client.post(
        reverse("billing:subscription-cap", args=[subscription.ref]),
        {"application": "all", "period": "month", "limit": "2500.50"},
    )
    cap = Cap.objects.get()
    client.post(reverse("billing:subscription-cap-lift", args=[cap.ref]), {"sub": subscription.ref})

    assert (cap.limit, cap.period, cap.scope) == (2500_500_000_000, "month", f"team:{subscription.team_id}")
    cap.refresh_from_db()
    assert cap.lifted_at is not None
    recorded = AuditEvent.objects.values_list("action", "address")
    assert set(recorded) == {("cap.set", "127.0.0.1"), ("cap.lifted", "127.0.0.1")}


@pytest.mark.parametrize(
    ("values", "field"), [({"limit": "much"}, "limit"), ({"limit": "-5"}, "limit"), ({"period": "eon"}, "period")]
)
def test_cap_names_the_field_it_refuses(client: Client, values: dict[str, str], field: str) -> None:
    subscription = SubscriptionFactory.create(team=enter(client).team)

    answer = client.post(
        reverse("billing:subscription-cap", args=[subscription.ref]),
        {"application": "all", "period": "day", "limit": "5", **values},
    )

    assert list(answer.context["cap_form"].errors) == [field]
    assert not Cap.objects.exists()


def test_caps_are_set_by_owner_and_admin(client: Client) -> None:
    subscription = SubscriptionFactory.create(team=enter(client, Role.BILLING).team)
    url = reverse("billing:subscription-cap", args=[subscription.ref])

    assert client.post(url, {"application": "all", "period": "day", "limit": "5"}).status_code == 403


def test_reach_of_an_application_names_services_once(client: Client) -> None:
    team = enter(client).team
    application = ApplicationFactory.create(team=team)
    subscription = SubscriptionFactory.create(team=team, application=application)
    SubscriptionFactory.create(team=team, application=ApplicationFactory.create(team=team))
    SubscriptionFactory.create(team=team, ended_at=clock.now(), ended_reason="canceled")

    rows = client.get(reverse("billing:application-reach", args=[application.ref])).context["rows"]

    assert [row.service for row in rows] == [subscription.version.plan.services.get()]


def test_amounts_of_money_are_hidden_from_those_who_see_none(client: Client) -> None:
    team = enter(client, Role.DEVELOPER).team
    version = PlanVersionFactory.create(limits={"calls": 4321, "spend": 77 * money.NANO})
    subscription = SubscriptionFactory.create(team=team, version=version)
    CapFactory.create(team=team, limit=88 * money.NANO)

    urls = [reverse("billing:subscription-list"), reverse("analytics:usage")]
    pages = [client.get(url).content.decode() for url in urls]
    detail = client.get(reverse("billing:subscription-detail", args=[subscription.ref]))

    assert [("4,321" in page, "$77" in page, "$88" in page) for page in pages] == [(True, False, False)] * 2
    assert [used.meter for used in detail.context["allowances"]] == ["calls"]
    assert "$88" not in detail.content.decode()


# Money ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rows", [1, 3])
def test_billing_costs_the_same_for_any_number_of_invoices(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    team = enter(client).team
    PaymentMethodFactory.create(team=team)
    for _row in range(rows):
        subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=100), actor=None)

    # Session, person, memberships, open invoices, methods, count, invoices.
    with django_assert_num_queries(7):
        answer = client.get(reverse("billing:billing"))

    assert answer.content.count(b"/billing/invoices/") == rows


@pytest.mark.parametrize(
    ("role", "status"), [(Role.ADMIN, 200), (Role.BILLING, 200), (Role.DEVELOPER, 403), (Role.VIEWER, 403)]
)
def test_invoices_are_seen_by_those_who_see_money(client: Client, role: str, status: int) -> None:
    paid_subscription(enter(client, role).team)
    invoice = Invoice.objects.get()

    urls = [reverse("billing:billing"), reverse("billing:invoice-detail", args=[invoice.ref])]

    assert [client.get(url).status_code for url in urls] == [status, status]


def test_declined_invoice_is_paid_with_another_card(client: Client) -> None:
    paid_subscription(enter(client).team, behaviour="insufficient")
    invoice = Invoice.objects.get()
    url = reverse("billing:invoice-detail", args=[invoice.ref])

    declined = client.post(reverse("billing:invoice-pay", args=[invoice.ref]), follow=True).content.decode()
    answer = client.post(reverse("billing:method-new"), CARD | {"next": url}, follow=True)

    invoice.refresh_from_db()
    assert "was declined: Insufficient funds" in declined
    assert answer.redirect_chain == [(url, 302)]
    assert invoice.state == Invoice.State.PAID


def test_admin_sees_the_invoice_and_cannot_pay_it(client: Client) -> None:
    paid_subscription(enter(client, Role.ADMIN).team, behaviour="insufficient")
    invoice = Invoice.objects.get()

    page = client.get(reverse("billing:invoice-detail", args=[invoice.ref])).content.decode()
    paid = client.post(reverse("billing:invoice-pay", args=[invoice.ref]))

    assert "Owner and billing may pay." in page
    assert paid.status_code == 403


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"number": "1234"}, "number"),
        ({"number": "4111111111111111"}, "number"),
        ({"exp_month": "13"}, "exp_month"),
        ({"exp_year": "2001"}, "exp_year"),
        ({"cvc": ""}, "cvc"),
    ],
)
def test_card_form_names_what_it_refuses(client: Client, values: dict[str, str], field: str) -> None:
    enter(client)

    answer = client.post(reverse("billing:method-new"), CARD | values)

    assert list(answer.context["form"].errors) == [field]
    assert not PaymentMethod.objects.exists()


def test_next_leads_nowhere_else(client: Client) -> None:
    enter(client)

    answer = client.post(reverse("billing:method-new"), CARD | {"next": "https://evil.example/"})

    assert answer.headers["Location"] == reverse("billing:billing")


def test_card_number_is_stored_nowhere(client: Client) -> None:
    enter(client)

    client.post(reverse("billing:method-new"), CARD)

    rows = [*PaymentMethod.objects.values(), *AuditEvent.objects.values()]
    assert not [row for row in rows if "4242424242424242" in str(row)]


def test_removing_the_last_method_says_what_stops(client: Client) -> None:
    team = enter(client).team
    method = PaymentMethodFactory.create(team=team)
    subscription = SubscriptionFactory.create(team=team, version=PlanVersionFactory.create(requires_method=True))
    url = reverse("billing:method-remove", args=[method.ref])

    page = client.get(url).content.decode()
    client.post(url)

    assert subscription.version.plan.name in page
    method.refresh_from_db()
    assert method.removed_at is not None


def test_default_method_is_chosen(client: Client) -> None:
    team = enter(client).team
    PaymentMethodFactory.create(team=team)
    other = PaymentMethodFactory.create(team=team, is_default=False)

    client.post(reverse("billing:method-default", args=[other.ref]))

    assert list(PaymentMethod.objects.filter(is_default=True)) == [other]


def test_method_is_replaced(client: Client) -> None:
    team = enter(client).team
    old = PaymentMethodFactory.create(team=team, behaviour="insufficient")

    client.post(reverse("billing:method-replace", args=[old.ref]), CARD)

    old.refresh_from_db()
    assert old.removed_at is not None
    assert PaymentMethod.objects.on_file().get().is_default


def test_billing_details_are_saved_and_recorded(client: Client) -> None:
    team = enter(client).team
    values = {"legal_name": "Acme GmbH", "address": "Street 1", "country": "de", "tax_id": "DE1", "contact_email": ""}

    client.post(reverse("billing:billing-details"), values)

    team.refresh_from_db()
    assert (team.legal_name, team.country) == ("Acme GmbH", "DE")
    assert AuditEvent.objects.get().after == values | {"country": "DE"}


def test_billing_details_refuse_a_country_that_is_none(client: Client) -> None:
    enter(client)

    answer = client.post(reverse("billing:billing-details"), {"country": "1x"})

    assert list(answer.context["form"].errors) == ["country"]


# Others --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "subscription-detail",
        "subscription-change",
        "subscription-cancel",
        "subscription-keep",
        "subscription-cap",
        "subscription-cap-lift",
        "application-reach",
        "method-replace",
        "method-default",
        "method-remove",
        "invoice-detail",
        "invoice-pay",
    ],
)
def test_another_teams_rows_are_not_there(client: Client, name: str) -> None:
    enter(client)
    subscription = paid_subscription(MembershipFactory.create().team)
    rows = {
        "subscription-cap-lift": CapFactory.create(team=subscription.team, limit=money.NANO),
        "application-reach": ApplicationFactory.create(team=subscription.team),
        "method": PaymentMethod.objects.get(),
        "invoice": Invoice.objects.get(),
        "subscription": subscription,
    }
    row: Any = rows.get(name) or rows[name.partition("-")[0]]
    url = reverse(f"billing:{name}", args=[row.ref])

    assert {client.get(url).status_code, client.post(url).status_code} <= {404, 405}
    assert 404 in {client.get(url).status_code, client.post(url).status_code}


def test_own_hidden_service_can_be_subscribed(client: Client) -> None:
    team = enter(client).team
    service = ServiceFactory.create(team=team, visibility=Service.Visibility.TEAM)
    version = PlanVersionFactory.create(plan=PlanFactory.create(publisher=team, services=[service]))

    assert client.get(subscribe_url(service, version)).status_code == 200
