import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from apipark import clock
from billing import caps, leases, subscriptions
from billing.contracts import terms_of
from billing.models import Allowance, Invoice, PaymentMethod, PlanVersion, Subscription
from billing.terms import AllowanceSpec
from providers.models import Service, VersionState
from proxy import letters
from proxy.models import Call
from teams import applications, keys
from teams.models import Application, AuditEvent, Membership, Role, Team
from tests.billing.factories import PaymentMethodFactory, PlanFactory, PlanVersionFactory, ServiceFactory
from tests.proxy.factories import a_call, published, refused
from tests.teams.factories import ApiKeyFactory, ApplicationFactory, MembershipFactory

pytestmark = pytest.mark.django_db

CARD = {"number": "4242 4242 4242 4242", "exp_month": "12", "exp_year": "2080", "cvc": "123"}


@dataclass
class Situation:
    """A team that calls a published service of another."""

    team: Team
    application: Application
    service: Service
    client: Client
    membership: Membership

    def fix(self, slug: str, act: str = "", **ids: str) -> str:
        name = f"proxy:fix-{act}" if act else "proxy:fix"
        query = "&".join(f"{name}={ref}" for name, ref in ids.items())
        return reverse(name, args=[slug]) + (f"?{query}" if query else "")

    def enter(self, role: str) -> Membership:
        membership = MembershipFactory.create(team=self.team, role=role)
        self.client.force_login(membership.user)
        return membership

    def plan(self, **fields: object) -> PlanVersion:
        plan = PlanFactory.create(publisher=self.service.team, services=[self.service])
        return PlanVersionFactory.create(plan=plan, **fields)

    def subscribe(self, **fields: object) -> Subscription:
        return subscriptions.subscribe(self.team, self.plan(**fields), actor=None)

    def call(self, subscription: Subscription | None = None) -> Call:
        return refused(self.application, service=self.service, subscription=subscription)

    def page(self, url: str) -> str:
        """As the person meets it, redirects followed."""
        answer = self.client.get(url, follow=True)
        assert answer.status_code == 200
        return text(answer.content)

    def post(self, url: str, data: Mapping[str, object] | None = None) -> str:
        answer = self.client.post(url, dict(data or {}), follow=True)
        assert answer.status_code == 200
        return text(answer.content)


def text(content: bytes) -> str:
    """Without what differs from request to request."""
    without_token = re.sub(r'X-CSRFToken": "\w+|csrfmiddlewaretoken" value="\w+', "", content.decode())
    return unescape(re.sub(r"\s+", " ", without_token))


def use(subscription: Subscription, units: int, *, meter: str = "calls") -> None:
    """As if calls had used so much of the plan: a worker leases and ships it."""
    terms = terms_of(ApplicationFactory.create(team=subscription.team))
    spec = next(spec for spec in terms[0].allowances if spec.meter == meter)
    take(spec, units)


def take(spec: AllowanceSpec, units: int) -> None:
    worker = Call(id="00000000-0000-7000-8000-000000000001").id
    granted = leases.acquire(worker, [leases.Want(spec, units, units)], now=clock.now(), live_workers=1)
    assert isinstance(granted, leases.Granted)
    leases.ship(worker, {granted.units[0].allowance_id: units}, {})


@pytest.fixture
def here(client: Client) -> Situation:
    membership = MembershipFactory.create(role=Role.OWNER)
    client.force_login(membership.user)
    return Situation(
        team=membership.team,
        application=ApplicationFactory.create(team=membership.team),
        service=published(ServiceFactory.create()),
        client=client,
        membership=membership,
    )


FIXED = "This is fixed."


# Who sees it ---------------------------------------------------------------------------------------------------------
def test_stranger_reads_the_meaning_and_nothing_of_the_account(client: Client, here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 1})
    url = here.fix("quota-exceeded", sub=subscription.ref, app=here.application.ref)
    client.logout()

    page = text(client.get(url).content)
    other = text(client.get(url.replace(subscription.ref, "sub_0000000000000000")).content)

    assert "Plan quota used up" in page
    assert f"next=%2Ffix%2Fquota-exceeded%2F%3Fsub%3D{subscription.ref}" in page
    assert here.application.name not in page
    assert subscription.version.plan.name not in page
    assert page.replace(subscription.ref, "") == other.replace("sub_0000000000000000", "")


def test_foreign_and_unknown_ids_are_the_same_404(client: Client, here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 1})
    key = ApiKeyFactory.create(application=here.application)
    call = here.call(subscription)
    foreign = {"sub": subscription.ref, "app": here.application.ref, "key": key.ref, "ref": call.request_id}
    client.force_login(MembershipFactory.create().user)

    for name, ref in foreign.items():
        unknown = ref[:-4] + "0000"
        answers = [client.get(here.fix("quota-exceeded", **{name: each})) for each in (ref, unknown)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert text(answers[0].content).replace(ref, unknown) == text(answers[1].content)


@pytest.mark.parametrize(
    "act",
    ["subscribe", "change", "card", "default", "pay", "cap", "lift", "resume", "switch-on", "details", "ask", "check"],
)
def test_no_act_reaches_another_team(client: Client, here: Situation, act: str) -> None:
    subscription = here.subscribe(limits={"calls": 1})
    client.force_login(MembershipFactory.create().user)

    answer = client.post(here.fix("quota-exceeded", act, sub=subscription.ref), CARD)

    assert answer.status_code == 404


@pytest.mark.parametrize("query", ["sub=../../etc", "sub=https://evil.example/", "ref=%00", "app=app_ä"])
def test_broken_ids_are_not_found(here: Situation, query: str) -> None:
    answer = here.client.get(reverse("proxy:fix", args=["quota-exceeded"]) + f"?{query}")

    assert answer.status_code == 404


@pytest.mark.parametrize("query", ["", "?sub=&app=", "?utm_source=mail"])
def test_address_that_names_nothing_leads_to_the_meaning(here: Situation, query: str) -> None:
    answer = here.client.get(reverse("proxy:fix", args=["quota-exceeded"]) + query)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/problems/quota-exceeded")
    assert "Plan quota used up" in here.page(answer.headers["Location"])


def test_ids_of_two_teams_do_not_mix(here: Situation) -> None:
    other = MembershipFactory.create(user=here.membership.user).team
    foreign = ApplicationFactory.create(team=other)

    answer = here.client.get(here.fix("quota-exceeded", app=foreign.ref, sub=here.subscribe().ref))

    assert answer.status_code == 404


def test_role_is_the_one_in_the_team_of_the_link(here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 0})
    here.plan(price_minor=900, limits={"calls": 10})
    elsewhere = MembershipFactory.create(role=Role.OWNER).team
    viewer = here.enter(Role.VIEWER)
    MembershipFactory.create(user=viewer.user, team=elsewhere, role=Role.OWNER)

    page = here.page(here.fix("quota-exceeded", sub=subscription.ref, app=here.application.ref))

    assert "Who can fix this" in page
    assert "Change plan and pay" not in page


def test_no_parameter_leads_off_this_host(here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 0})
    evil = "&next=https://evil.example/&url=//evil.example&return_to=https://evil.example"
    url = here.fix("payment-overdue", sub=subscription.ref) + evil

    for answer in (
        here.client.get(url),
        here.client.post(here.fix("quota-exceeded", "check", sub=subscription.ref) + evil),
    ):
        assert answer.status_code == 302
        assert answer["Location"] == here.fix("quota-exceeded", sub=subscription.ref)


@pytest.mark.parametrize("slug", ["route-not-found", "overloaded", "no-such-problem"])
def test_what_nobody_can_fix_has_no_page(here: Situation, slug: str) -> None:
    assert here.client.get(f"/fix/{slug}/").status_code == 404


def test_reading_changes_nothing(here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 0}, price_minor=0)
    here.plan(price_minor=900, limits={"calls": 10})
    events = AuditEvent.objects.count()

    here.page(here.fix("quota-exceeded", sub=subscription.ref, app=here.application.ref))

    assert AuditEvent.objects.count() == events
    assert not Allowance.objects.exists()
    for act in ("subscribe", "change", "card", "pay", "cap", "lift", "resume", "switch-on", "ask", "check"):
        assert here.client.get(here.fix("quota-exceeded", act, sub=subscription.ref)).status_code == 405


# The state of the moment ---------------------------------------------------------------------------------------------
def test_cause_that_is_gone_is_fixed(here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 10})
    call = here.call(subscription)

    page = here.page(here.fix("quota-exceeded", ref=call.request_id))

    assert FIXED in page
    assert f"curl -X GET http://localhost:8000/apis/{here.service.slug}/today" in page


def test_another_cause_is_named_and_led_to(here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 0})

    answer = here.client.get(here.fix("subscription-required", sub=subscription.ref), follow=True)

    assert answer.redirect_chain == [(here.fix("quota-exceeded", sub=subscription.ref), 302)]
    assert "The call is refused for another reason now: Plan quota used up." in text(answer.content)


def test_check_says_it_would_pass_and_reserves_nothing(here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 1})
    call = here.call(subscription)

    page = here.post(here.fix("quota-exceeded", "check", ref=call.request_id))

    assert "It would pass" in page
    assert not Allowance.objects.exists()


def test_check_goes_on_to_what_is_wrong_now(here: Situation) -> None:
    call = here.call(here.subscribe(limits={"calls": 0}))

    page = here.post(here.fix("payment-overdue", "check", ref=call.request_id))

    assert "The call would still be refused." in page
    assert "Plan quota used up" in page


def test_check_asks_for_the_amounts_of_the_refused_call(here: Situation) -> None:
    subscription = here.subscribe(limits={"tokens": 1000})
    small, large = (
        a_call(here.application, service=here.service.pk, asked={"units": {"calls": 1, "tokens": units}})
        for units in (1000, 1001)
    )

    assert FIXED in here.page(here.fix("quota-exceeded", ref=small.request_id, sub=subscription.ref))
    page = here.page(here.fix("quota-exceeded", ref=large.request_id, sub=subscription.ref))
    assert "This call needs 1,001 tokens" in page


def test_retired_service_is_explained_not_fixed(here: Situation) -> None:
    call = here.call(here.subscribe())
    here.service.versions.update(state=VersionState.RETIRED)

    url = here.fix("quota-exceeded", app=here.application.ref, svc=here.service.ref, ref=call.request_id)

    answer = here.client.get(url, follow=True)

    assert answer.redirect_chain == [(reverse("proxy:problem-detail", args=["version-retired"]), 302)]
    assert "This version was retired" in text(answer.content)


# What lifts it -------------------------------------------------------------------------------------------------------
def test_subscribe(here: Situation) -> None:
    version = here.plan(limits={"calls": 5})
    call = here.call()
    url = here.fix("subscription-required", app=here.application.ref, svc=here.service.ref, ref=call.request_id)

    page = here.page(url)
    assert f"Subscribe to {version.plan.name}" in page
    done = here.post(url.replace("/?", "/subscribe/?"), {"version": version.ref})

    assert FIXED in done
    assert Subscription.objects.get(team=here.team).version == version


def test_subscribe_to_a_paid_plan_shows_its_price_and_pays(here: Situation) -> None:
    PaymentMethodFactory.create(team=here.team)
    version = here.plan(price_minor=1900)
    url = here.fix("subscription-required", app=here.application.ref, svc=here.service.ref)

    assert "Subscribe and pay $19.00" in here.page(url)
    assert FIXED in here.post(url.replace("/?", "/subscribe/?"), {"version": version.ref})
    assert Invoice.objects.get(team=here.team).state == Invoice.State.PAID


def test_developer_may_take_a_free_plan_but_no_paid_one(here: Situation) -> None:
    paid, free = here.plan(price_minor=1900), here.plan()
    here.enter(Role.DEVELOPER)
    url = here.fix("subscription-required", app=here.application.ref, svc=here.service.ref)

    page = here.page(url)
    assert "Owner and billing may subscribe." in page
    assert "Who can fix this" in page
    assert str(here.membership.user) in page
    assert here.client.post(url.replace("/?", "/subscribe/?"), {"version": paid.ref}).status_code == 403
    assert not Subscription.objects.exists()
    assert FIXED in here.post(url.replace("/?", "/subscribe/?"), {"version": free.ref})


def test_plan_that_another_application_has_for_itself_is_offered_for_this_one(here: Situation) -> None:
    version = here.plan(limits={"calls": 5})
    second = ApplicationFactory.create(team=here.team, name="Warehouse")
    subscriptions.subscribe(here.team, version, actor=None, application=here.application)
    url = here.fix("subscription-required", app=second.ref, svc=here.service.ref)

    page = here.page(url)
    assert f"Subscribe to {version.plan.name}" in page
    assert "For Warehouse alone" in page
    form = dict(re.findall(r'name="(version|application)" value="(\w+)"', page))
    assert FIXED in here.post(url.replace("/?", "/subscribe/?"), form)

    made = Subscription.objects.get(application=second)
    assert (made.team, made.version) == (here.team, version)


def test_plan_that_covers_the_application_is_not_offered_again(here: Situation) -> None:
    covering, other = here.plan(price_minor=1900), here.plan(limits={"calls": 5})
    subscriptions.subscribe(here.team, covering, actor=None, application=here.application)
    here.service.plans.remove(covering.plan)  # so that it does not let the call pass

    page = here.page(here.fix("subscription-required", app=here.application.ref, svc=here.service.ref))

    assert f"Subscribe to {other.plan.name}" in page
    assert f"Subscribe to {covering.plan.name}" not in page


def test_application_of_another_team_is_not_subscribed(here: Situation) -> None:
    version = here.plan()
    foreign = ApplicationFactory.create()
    url = here.fix("subscription-required", "subscribe", app=here.application.ref, svc=here.service.ref)

    assert here.client.post(url, {"version": version.ref, "application": foreign.ref}).status_code == 404
    assert not Subscription.objects.exists()


def test_sentence_names_the_service_as_people_know_it(here: Situation) -> None:
    here.plan()
    Service.objects.filter(pk=here.service.pk).update(name="Weather of the world")

    page = here.page(here.fix("subscription-required", app=here.application.ref, svc=here.service.ref))

    assert "no subscription to Weather of the world." in page


def test_what_ended_says_what_its_last_period_took(here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 10})
    use(subscription, 7)
    subscriptions.cancel(subscription, actor=None, at_once=True)
    here.plan()

    page = here.page(here.fix("subscription-ended", sub=subscription.ref, app=here.application.ref))

    assert "Used in its last period" in page
    assert "7 of 10" in page
    assert "resets" not in page


def test_plan_of_another_service_cannot_be_smuggled_in(here: Situation) -> None:
    other = PlanVersionFactory.create()
    url = here.fix("subscription-required", "subscribe", app=here.application.ref, svc=here.service.ref)

    assert here.client.post(url, {"version": other.ref}).status_code == 404
    assert not Subscription.objects.exists()


def test_unpublished_terms_are_not_agreed_to(here: Situation) -> None:
    old = here.plan(state=PlanVersion.State.RETIRED)
    here.plan()
    url = here.fix("subscription-required", "subscribe", app=here.application.ref, svc=here.service.ref)

    assert "The terms have changed meanwhile." in here.post(url, {"version": old.ref})
    assert not Subscription.objects.exists()


def test_missing_card_is_added(here: Situation) -> None:
    subscription = here.subscribe(requires_method=True)
    url = here.fix("payment-method-missing", sub=subscription.ref, app=here.application.ref)

    assert "Add a card" in here.page(url)
    assert FIXED in here.post(url.replace("/?", "/card/?"), CARD)
    assert PaymentMethod.objects.get(team=here.team).last_four == "4242"


def test_refused_card_names_the_field_and_keeps_the_page(here: Situation) -> None:
    subscription = here.subscribe(requires_method=True)
    url = here.fix("payment-method-missing", "card", sub=subscription.ref, app=here.application.ref)

    page = here.post(url, CARD | {"number": "1234"})

    assert "A card number has 12 to 19 digits." in page
    assert "<title> Error:" in page or "<title>Error:" in page
    assert not PaymentMethod.objects.exists()


def test_first_payment_is_finished_with_another_card(here: Situation) -> None:
    PaymentMethodFactory.create(team=here.team, behaviour="insufficient")
    subscription = here.subscribe(price_minor=1900)
    url = here.fix("subscription-incomplete", sub=subscription.ref, app=here.application.ref)

    page = here.page(url)
    assert "Pay $19.00" in page
    assert "Another card" in page
    assert FIXED in here.post(url.replace("/?", "/card/?"), CARD)


def test_paying_again_with_the_same_card_says_why_it_was_declined(here: Situation) -> None:
    PaymentMethodFactory.create(team=here.team, behaviour="insufficient")
    subscription = here.subscribe(price_minor=1900)
    invoice = Invoice.objects.get(subscription=subscription)
    url = here.fix("subscription-incomplete", "pay", sub=subscription.ref, app=here.application.ref)

    page = here.post(url, {"ref": invoice.ref})

    assert "was declined: Insufficient funds." in page
    assert FIXED not in page


def test_overdue_invoice_is_paid(here: Situation) -> None:
    subscription = here.subscribe(price_minor=1900, collection=PlanVersion.Collection.INVOICE)
    Invoice.objects.filter(subscription=subscription).update(due_at=clock.now() - timedelta(days=30))
    PaymentMethodFactory.create(team=here.team)
    invoice = Invoice.objects.get(subscription=subscription)
    url = here.fix("payment-overdue", sub=subscription.ref, app=here.application.ref, inv=invoice.ref)

    page = here.page(url)
    assert "$19.00 are owed" in page or "19.00 USD are owed" in page
    assert FIXED in here.post(url.replace("/?", "/pay/?"), {"ref": invoice.ref})
    invoice.refresh_from_db()
    assert invoice.state == Invoice.State.PAID


def test_invoice_of_another_team_cannot_be_paid_here(here: Situation) -> None:
    subscription = here.subscribe(limits={"calls": 0})
    PaymentMethodFactory.create(team=here.team)
    theirs = subscriptions.subscribe(
        MembershipFactory.create().team, PlanVersionFactory.create(price_minor=900), actor=None
    )
    url = here.fix("quota-exceeded", "pay", sub=subscription.ref)

    assert here.client.post(url, {"ref": theirs.invoices.get().ref}).status_code == 404


def test_used_up_quota_is_lifted_by_a_larger_plan_at_its_price(here: Situation) -> None:
    PaymentMethodFactory.create(team=here.team)
    subscription = here.subscribe(limits={"calls": 2})
    larger = here.plan(price_minor=4900, limits={"calls": 100})
    use(subscription, 2)
    call = here.call(subscription)
    url = here.fix("quota-exceeded", sub=subscription.ref, app=here.application.ref, ref=call.request_id)

    page = here.page(url)
    assert "All 2 calls of plan" in page
    agreed = re.search(r'name="agreed_minor" value="(\d+)"', page)
    assert agreed
    assert "Ends it at once" in page
    done = here.post(url.replace("/?", "/change/?"), {"version": larger.ref, "agreed_minor": agreed[1]})

    assert FIXED in done
    subscription.refresh_from_db()
    assert subscription.version == larger


def test_more_than_the_price_that_was_shown_is_never_charged(here: Situation) -> None:
    PaymentMethodFactory.create(team=here.team)
    subscription = here.subscribe(limits={"calls": 0})
    larger = here.plan(price_minor=4900, limits={"calls": 100})
    url = here.fix("quota-exceeded", "change", sub=subscription.ref, app=here.application.ref)

    page = here.post(url, {"version": larger.ref, "agreed_minor": "1"})

    assert "The price has changed meanwhile." in page
    subscription.refresh_from_db()
    assert subscription.version != larger


def test_plan_that_is_too_small_for_the_call_is_marked(here: Situation) -> None:
    PaymentMethodFactory.create(team=here.team)
    subscription = here.subscribe(limits={"calls": 2})
    here.plan(price_minor=900, limits={"calls": 2})
    use(subscription, 2)

    page = here.page(here.fix("quota-exceeded", sub=subscription.ref, app=here.application.ref))

    assert "Not enough for this call" in page
    assert "Ends it at once" not in page


def test_cap_of_the_team_is_raised_by_who_may(here: Situation) -> None:
    subscription = here.subscribe()
    cap = caps.set_cap(here.team, limit=1, actor=here.membership.user, meter="calls")
    take(terms_of(here.application)[0].allowances[0], 1)
    url = here.fix("spend-cap-reached", sub=subscription.ref, app=here.application.ref, cap=cap.ref)

    assert "It is 1 now" in here.page(url)
    assert "must be higher" in here.post(url.replace("/?", "/cap/?"), {"limit": "1"})
    assert FIXED in here.post(url.replace("/?", "/cap/?"), {"limit": "5"})
    cap.refresh_from_db()
    assert cap.limit == 5
    assert AuditEvent.objects.get(action="cap.changed").address == "127.0.0.1"


def test_spending_cap_is_typed_in_money_and_can_be_lifted(here: Situation) -> None:
    subscription = here.subscribe(call_price_nano=1_000_000)
    cap = caps.set_cap(here.team, limit=0, actor=here.membership.user)
    url = here.fix("spend-cap-reached", sub=subscription.ref, app=here.application.ref)

    assert "It is $0.00 now" in here.page(url)
    assert FIXED in here.post(url.replace("/?", "/lift/?"))
    cap.refresh_from_db()
    assert cap.lifted_at is not None


def test_billing_role_may_not_raise_a_cap(here: Situation) -> None:
    subscription = here.subscribe()
    caps.set_cap(here.team, limit=0, actor=here.membership.user, meter="calls")
    here.enter(Role.BILLING)
    url = here.fix("spend-cap-reached", sub=subscription.ref, app=here.application.ref)

    page = here.page(url)
    assert "Who can fix this" in page
    assert str(here.membership.user) in page
    assert here.client.post(url.replace("/?", "/cap/?"), {"limit": "5"}).status_code == 403


def test_own_pause_is_ended(here: Situation) -> None:
    subscription = here.subscribe()
    subscriptions.pause(subscription, by="customer", actor=here.membership.user)
    url = here.fix("subscription-paused", sub=subscription.ref, app=here.application.ref)

    assert "Resume it" in here.page(url)
    assert FIXED in here.post(url.replace("/?", "/resume/?"))


def test_pause_of_the_publisher_can_only_be_asked_about(here: Situation) -> None:
    subscription = here.subscribe()
    subscriptions.pause(subscription, by="publisher", actor=None)
    url = here.fix("subscription-paused", sub=subscription.ref, app=here.application.ref)

    page = here.page(url)
    assert "Resume it" not in page
    here.enter(Role.DEVELOPER)
    # Nobody of the team can, so nobody of it is asked.
    assert "Who can fix this" not in here.page(url)
    here.client.force_login(here.membership.user)
    assert "Only the publisher can let this subscription go on." in here.post(url.replace("/?", "/resume/?"))


def test_application_is_switched_on(here: Situation) -> None:
    here.subscribe()
    applications.suspend(here.application, actor=here.membership.user)
    url = here.fix("application-suspended", app=here.application.ref)

    assert "Switch on" in here.page(url)
    assert FIXED in here.post(url.replace("/?", "/switch-on/?"))


def test_expired_key_is_rotated_on_its_own_page(here: Situation) -> None:
    key = ApiKeyFactory.create(application=here.application, expires_at=clock.now() - timedelta(hours=1))

    page = here.page(here.fix("credentials-expired", key=key.ref, app=here.application.ref))

    rotate = reverse("teams:key-rotate", args=[key.ref])
    assert rotate in page
    assert "Copy your key now." in here.post(rotate, {"overlap": "24", "expiry": "90"})
    assert here.application.keys.usable(clock.now()).count() == 1


def test_revoked_key_has_a_successor_to_make(here: Situation) -> None:
    key = ApiKeyFactory.create(application=here.application)
    keys.revoke(key, actor=here.membership.user)

    page = here.page(here.fix("credentials-revoked", key=key.ref, app=here.application.ref))

    assert reverse("teams:key-new", args=[here.application.ref]) in page


def test_unknown_key_leads_to_a_new_one(here: Situation) -> None:
    page = here.page(here.fix("credentials-invalid", ref="req_01kbd3q5w8e2r4t6y0p1a3s5d7"))

    assert reverse("teams:key-new", args=[here.application.ref]) in page


def test_unknown_key_is_of_no_application_for_certain(here: Situation) -> None:
    other = ApplicationFactory.create(team=here.team)

    page = here.page(here.fix("credentials-invalid", ref="req_01kbd3q5w8e2r4t6y0p1a3s5d7"))

    assert here.application.name not in page
    assert other.name not in page
    assert reverse("teams:application-list") in page


# Who may not ---------------------------------------------------------------------------------------------------------
def developer_page(here: Situation) -> tuple[str, Membership]:
    subscription = here.subscribe(requires_method=True)
    developer = here.enter(Role.DEVELOPER)
    return here.fix("payment-method-missing", sub=subscription.ref, app=here.application.ref), developer


def test_developer_sees_who_may_and_cannot(here: Situation) -> None:
    url, _ = developer_page(here)

    page = here.page(url)

    assert "Who can fix this" in page
    assert str(here.membership.user) in page
    assert "Add a card" not in page
    assert here.client.post(url.replace("/?", "/card/?"), CARD).status_code == 403
    assert not PaymentMethod.objects.exists()


def test_only_who_may_change_this_application_is_asked_about_its_key(here: Situation) -> None:
    key = ApiKeyFactory.create(application=here.application, expires_at=clock.now() - timedelta(hours=1))
    other = MembershipFactory.create(team=here.team, role=Role.DEVELOPER)
    asking = here.enter(Role.DEVELOPER)

    page = here.page(here.fix("credentials-expired", key=key.ref, app=here.application.ref))

    assert f'name="to" value="{here.membership.pk}"' in page
    assert [each for each in (other, asking) if f'name="to" value="{each.pk}"' in page] == []


def test_developer_does_not_read_which_card_pays(here: Situation) -> None:
    PaymentMethodFactory.create(team=here.team, last_four="4242")
    here.plan(price_minor=1900)
    here.plan()
    url = here.fix("subscription-required", app=here.application.ref, svc=here.service.ref)

    seen = "4242" in here.page(url)
    here.enter(Role.DEVELOPER)

    assert (seen, "4242" in here.page(url)) == (True, False)


def test_ask_them_sends_the_link_and_is_written_down(
    here: Situation, django_capture_on_commit_callbacks: object
) -> None:
    url, developer = developer_page(here)

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # pytest-django's fixture
        page = here.post(url.replace("/?", "/ask/?"), {"to": [here.membership.pk], "note": "The forecast is down."})

    (message,) = mail.outbox
    assert message.to == [here.membership.user.email]
    assert message.reply_to == [developer.user.email]
    assert f"http://localhost:8000{url}" in message.body
    assert "The forecast is down." in message.body
    assert "Asked: " in page
    assert f"{developer.user.email} asked" in page
    event = AuditEvent.objects.get(action=letters.ASKED)
    assert (event.team, event.actor, event.after["problem"]) == (here.team, developer.user, "payment-method-missing")


def test_only_people_of_the_team_who_may_can_be_asked(here: Situation) -> None:
    url, developer = developer_page(here)
    stranger = MembershipFactory.create()

    for other in (stranger, developer):
        page = here.post(url.replace("/?", "/ask/?"), {"to": [other.pk]})
        assert "One thing needs a change" in page
    assert not AuditEvent.objects.filter(action=letters.ASKED).exists()


def test_asking_has_an_end(here: Situation, django_capture_on_commit_callbacks: object) -> None:
    url, _ = developer_page(here)

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # as above
        pages = [here.post(url.replace("/?", "/ask/?"), {"to": [here.membership.pk]}) for _ in range(11)]

    assert len(mail.outbox) == 10
    assert "You have sent several mails within this hour." in pages[-1]


def test_viewer_sees_counts_but_no_money(here: Situation) -> None:
    subscription = here.subscribe(price_minor=1900, collection=PlanVersion.Collection.INVOICE)
    Invoice.objects.filter(subscription=subscription).update(due_at=clock.now() - timedelta(days=30))
    here.enter(Role.VIEWER)

    page = here.page(here.fix("payment-overdue", sub=subscription.ref, app=here.application.ref))

    assert "An invoice is overdue" in page
    assert "19.00" not in page


def test_price_is_said_as_it_will_be_paid(here: Situation) -> None:
    here.plan(price_minor=1900)
    here.plan(price_minor=2900, collection=PlanVersion.Collection.INVOICE)
    url = here.fix("subscription-required", app=here.application.ref, svc=here.service.ref)

    page = here.page(url)

    assert "No usable payment method" in page
    assert "Add a payment method" in page
    assert "Subscribe and pay $19.00" not in page
    assert "On an invoice, 14 days to pay" in page
    assert "Subscribe, $29.00 by invoice" in page
