"""The operator's console: every page answers, every verb does what it says and is recorded, nobody gets past a permission."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import django.contrib.admin
import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apipark import clock, heartbeats
from apipark.model_admin import ConsoleAdmin
from apipark.models import Change, TestClock
from billing.models import (
    Invoice,
    Limit,
    PaymentAttempt,
    PaymentMethod,
    PlanVersion,
    Subscription,
)
from providers import price_book, secrets
from providers.models import AiModel, ModelPrice, Provider, ProviderKey, ServiceVersion, VersionState
from proxy.models import TouchedMinute
from teams.models import ApiKey, Application, AuditEvent, Team, User
from tests.apipark.factories import a_call, a_provider_key, a_version, an_invoice, name_of
from tests.billing.factories import (
    CapFactory,
    PaymentMethodFactory,
    PlanVersionFactory,
    SubscriptionFactory,
)
from tests.teams.factories import ApiKeyFactory, MembershipFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.apipark.console_urls")]

STOCK = Path(django.contrib.admin.__file__).parent / "templates" / "admin"
INLINE = re.compile(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)(?![^>]*json)[^>]*>")
REASON = "asked for by phone"


@pytest.fixture
def key() -> ProviderKey:
    return a_provider_key()


def consoles() -> Iterator[tuple[type[Model], ConsoleAdmin[Any]]]:
    for model, model_admin in admin.site._registry.items():
        assert isinstance(model_admin, ConsoleAdmin), model
        yield model, model_admin


def do(client: Client, row: Model, verb: str, **answers: object) -> Any:
    url = f"{reverse(f'{name_of(row)}_verb', args=[verb])}?id={row.pk}"
    return client.post(url, {"reason": REASON, **answers}, follow=True)


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# Pages ---------------------------------------------------------------------------------------------------------------
def test_every_page_answers_without_inline_style_or_script(client: Client, everything: list[Model]) -> None:
    of_kind = {type(row): row for row in everything}
    urls = [reverse("admin:index"), reverse("admin:search"), reverse("admin:password_change")]
    for model, _model_admin in consoles():
        urls += [f"{reverse(f'{name_of(model)}_changelist')}{query}" for query in ("", "?q=a")]
        if model in of_kind:
            urls.append(reverse(f"{name_of(model)}_change", args=[of_kind[model].pk]))
            urls.append(reverse(f"{name_of(model)}_history", args=[of_kind[model].pk]))
    request = client.get(reverse("admin:index")).wsgi_request
    for model, model_admin in consoles():
        if model_admin.has_add_permission(request):
            urls.append(reverse(f"{name_of(model)}_add"))

    pages = {url: client.get(url) for url in urls}

    assert {url: page.status_code for url, page in pages.items() if page.status_code != 200} == {}
    assert {url for url, page in pages.items() if INLINE.search(page.content.decode())} == set()
    assert {page["Content-Security-Policy"].count("unsafe") for page in pages.values()} == {0}


def test_everything_that_is_registered_has_a_row_here(everything: list[Model]) -> None:
    shown = {model._meta.label for model, _model_admin in consoles()}

    assert shown - {row._meta.label for row in everything} == {"auth.Group", "account.EmailAddress"}


def test_links_to_neighbours_answer(client: Client, everything: list[Model]) -> None:
    found = 0
    for row in everything:
        if type(row) in admin.site._registry:
            page = client.get(reverse(f"{name_of(row)}_change", args=[row.pk]))
            for _label, url in page.context.get("neighbours", []):
                assert client.get(url).status_code == 200, url
                found += 1

    assert found > 20


def test_filters_of_every_list_answer(client: Client, everything: list[Model]) -> None:
    for model, _model_admin in consoles():
        url = reverse(f"{name_of(model)}_changelist")
        shown = client.get(url).context["cl"]
        for spec in shown.filter_specs:
            for choice in spec.choices(shown):
                assert client.get(url + str(choice["query_string"])).status_code == 200


def test_calls_are_never_counted_whole(
    client: Client, everything: list[Model], django_assert_max_num_queries: Any
) -> None:
    client.get(reverse("admin:proxy_call_changelist"))  # permissions and navigation are asked once

    with django_assert_max_num_queries(20) as asked:
        client.get(reverse("admin:proxy_call_changelist"))

    counts = [
        query["sql"] for query in asked.captured_queries if "COUNT(" in query["sql"] and "proxy_call" in query["sql"]
    ]
    assert all("LIMIT 5000" in sql for sql in counts)
    assert counts


def test_calls_are_not_counted_for_their_filters_either(client: Client, operator: User) -> None:
    a_call(ApiKeyFactory.create())

    page = client.get(reverse("admin:proxy_call_changelist"), {"_facets": "True"})

    assert page.context["cl"].add_facets is False
    assert "Show counts" not in page.content.decode()


def test_inlines_name_their_own_rows(client: Client, everything: list[Model]) -> None:
    subscription = next(row for row in everything if isinstance(row, Subscription))

    page = client.get(reverse("admin:billing_subscription_change", args=[subscription.pk])).content.decode()

    assert re.findall(r"<th class=\"column-[^>]*>\s*(\w+)", page)[0] == "Invoice"


def test_call_is_found_by_its_request_id(client: Client, operator: User) -> None:
    call = a_call(ApiKeyFactory.create())
    a_call(ApiKeyFactory.create())

    answer = client.get(reverse("admin:search"), {"q": call.request_id})

    assert answer["Location"] == reverse("admin:proxy_call_change", args=[call.pk])


def test_call_page_tells_operators_of_keys_and_of_what_is_not_known(client: Client, operator: User) -> None:
    asked = {"provider": "North", "key": 8, "label": "our-key", "model": 2, "name": "gpt-nano", "status": 401}
    call = a_call(
        ApiKeyFactory.create(),
        attempts=[{**asked, "at": 4, "ms": 90, "why": "key", "said": "no such key"}],
        cost_nano=None,
        failed_cost_nano=2_000_000,
        currency="USD",
        duration_ms=100,
    )

    page = client.get(reverse("admin:proxy_call_change", args=[call.pk])).content.decode()

    assert all(words in page for words in ("Refused our key", "key our-key", "no such key", "not known", "$0.002"))


def test_search_opens_the_only_hit(client: Client, operator: User) -> None:
    team = MembershipFactory.create(team__name="Zebra works").team

    assert client.get(reverse("admin:search"), {"q": "Zebra works"})["Location"] == reverse(
        "admin:teams_team_change", args=[team.pk]
    )


def test_stock_templates_have_the_blocks_that_ours_fill() -> None:
    blocks = {
        "base.html": {"dark-mode-vars", "responsive", "branding", "usertools", "nav-sidebar", "footer", "bodyclass"},
        "change_list.html": {"search", "filters"},
        "change_form.html": {"object-tools-items", "content"},
    }

    for name, ours in blocks.items():
        assert ours <= set(re.findall(r"{% block ([\w-]+) %}", (STOCK / name).read_text()))


# Who may -------------------------------------------------------------------------------------------------------------
def test_stranger_is_sent_to_the_portal_to_sign_in(client: Client) -> None:
    answer = client.get(reverse("admin:index"), follow=True)

    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))


def test_member_who_is_no_operator_is_refused(client: Client) -> None:
    client.force_login(UserFactory.create())

    assert client.get(reverse("admin:login")).status_code == 403


def test_operator_without_permissions_sees_and_does_nothing(client: Client, everything: list[Model]) -> None:
    client.force_login(UserFactory.create(is_staff=True))

    home = client.get(reverse("admin:index"))

    assert (home.context["needs"], home.context["figures"], home.context["parts"], home.context["audit"]) == (
        [],
        [],
        None,
        None,
    )
    for model, model_admin in consoles():
        assert client.get(reverse(f"{name_of(model)}_changelist")).status_code == 403
        for verb in model_admin.verbs:
            assert client.get(f"{reverse(f'{name_of(model)}_verb', args=[verb])}?id=1").status_code == 403


def test_verb_needs_its_own_permission(client: Client) -> None:
    team = MembershipFactory.create().team
    user = UserFactory.create(is_staff=True)
    client.force_login(user)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_team", "change_team", "resume_team"]))

    assert do(client, team, "suspend").status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="suspend_team"))
    assert do(client, team, "suspend").status_code == 200

    team.refresh_from_db()
    assert team.suspended_reason == REASON


def test_whoever_may_edit_people_gives_no_rights_and_no_superuser_a_password(client: Client) -> None:
    user, above = UserFactory.create(is_staff=True), UserFactory.create(is_superuser=True)
    client.force_login(user)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_user", "change_user"]))
    form = {
        "name": "Me",
        "language": "en",
        "time_zone": "UTC",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
    }

    client.post(reverse("admin:teams_user_change", args=[user.pk]), form)
    refused = client.post(
        reverse("admin:auth_user_password_change", args=[above.pk]), {"password1": "x", "password2": "x"}
    )

    user.refresh_from_db()
    assert (user.name, user.is_staff, user.is_superuser) == ("Me", True, False)
    assert refused.status_code == 403


def test_every_verb_has_a_permission() -> None:
    known = set(Permission.objects.values_list("content_type__app_label", "codename"))

    wanted = {
        (model._meta.app_label, f"{verb}_{model._meta.model_name}")
        for model, model_admin in consoles()
        for verb in model_admin.verbs
    }

    assert wanted
    assert wanted <= known


# Verbs ---------------------------------------------------------------------------------------------------------------
def test_every_verb_says_what_it_will_do(client: Client, everything: list[Model]) -> None:
    for row in everything:
        for verb in getattr(admin.site._registry.get(type(row)), "verbs", ()):
            page = client.get(f"{reverse(f'{name_of(row)}_verb', args=[verb])}?id={row.pk}")

            assert page.status_code == 200
            assert not INLINE.search(page.content.decode())
            assert page.context["hindered"] or page.context["shared"], (row, verb)


def test_verb_needs_a_reason(client: Client, operator: User) -> None:
    team = MembershipFactory.create().team

    page = do(client, team, "suspend", reason="")

    team.refresh_from_db()
    assert page.context["form"].errors == {"reason": ["This field is required."]}
    assert team.suspended_at is None


def test_verb_is_recorded_with_person_reason_and_address(client: Client, operator: User) -> None:
    team = MembershipFactory.create().team

    do(client, team, "suspend")

    event = AuditEvent.objects.get(action="team.suspended")
    assert (event.actor, event.reason, event.address, event.team) == (operator, REASON, "127.0.0.1", team)
    assert Change.objects.filter(kind="team", object_id=team.pk).exists()


@pytest.mark.parametrize("address", ["", "unix:", "10.0.0.7"])
def test_address_is_recorded_only_where_there_is_one(client: Client, operator: User, address: str) -> None:
    """A server behind a socket names none, or something else."""
    key = ApiKeyFactory.create(name="old")
    form = {"name": "new", "expires_at_0": "", "expires_at_1": ""}
    client.defaults["REMOTE_ADDR"] = address

    do(client, key.application.team, "suspend")
    client.post(reverse("admin:teams_apikey_change", args=[key.pk]), form)

    recorded = dict(AuditEvent.objects.filter(actor=operator).values_list("action", "address"))
    known = "10.0.0.7" if address == "10.0.0.7" else None
    assert recorded == {"team.suspended": known, "apikey.changed": known}


def test_verb_leaves_alone_what_it_does_not_fit(client: Client, operator: User) -> None:
    fits, suspended = MembershipFactory.create().team, MembershipFactory.create().team
    do(client, suspended, "suspend")
    url = f"{reverse('admin:teams_team_verb', args=['suspend'])}?id={fits.pk}&id={suspended.pk}"

    page = client.get(url)
    client.post(url, {"reason": "both"})

    assert [row for row, _why in page.context["hindered"]] == [suspended]
    assert AuditEvent.objects.filter(action="team.suspended").count() == 2
    assert Team.objects.get(pk=fits.pk).suspended_reason == "both"


def test_action_of_the_list_leads_to_the_page_that_asks(client: Client, operator: User) -> None:
    team = MembershipFactory.create().team
    url = reverse("admin:teams_team_changelist")

    answer = client.post(url, {"action": "suspend", "_selected_action": [team.pk]})

    assert answer["Location"] == f"{reverse('admin:teams_team_verb', args=['suspend'])}?id={team.pk}"


@pytest.mark.parametrize("text", ["x", "9" * 40, "", "-1"])
def test_verb_on_junk_is_not_found(client: Client, operator: User, text: str) -> None:
    assert client.get(reverse("admin:teams_team_verb", args=["suspend"]), {"id": text}).status_code == 404


def test_verbs_of_applications_and_keys(client: Client, operator: User) -> None:
    key = ApiKeyFactory.create()

    do(client, key.application, "suspend")
    suspended = Application.objects.get(pk=key.application_id).suspended_at
    do(client, key.application, "resume")
    do(client, key, "revoke")

    assert suspended is not None
    assert Application.objects.get(pk=key.application_id).suspended_at is None
    assert ApiKey.objects.get(pk=key.pk).state(clock.now()) == "revoked"
    assert set(AuditEvent.objects.filter(reason=REASON).values_list("action", flat=True)) == {
        "application.suspended", "application.resumed", "key.revoked",
    }  # fmt: skip


def test_provider_key_is_sealed_and_its_secret_appears_nowhere(
    client: Client, operator: User, key: ProviderKey
) -> None:
    secret = "sk-very-secret-9876"
    answers = {"provider": key.provider_id, "name": "second", "secret": secret, "priority": 1, "weight": 100}

    client.post(reverse("admin:providers_providerkey_add"), answers)

    made = ProviderKey.objects.get(name="second")
    assert secrets.reveal(made) == secret
    assert made.last_four == "9876"
    assert secret not in made.sealed
    event = AuditEvent.objects.get(action="providerkey.added")
    assert secret not in str([event.before, event.after, event.object_name])
    assert secret not in client.get(reverse("admin:providers_providerkey_change", args=[made.pk])).content.decode()


def test_provider_key_verbs(client: Client, operator: User, key: ProviderKey) -> None:
    do(client, key, "disable")
    disabled = ProviderKey.objects.get(pk=key.pk).state
    do(client, key, "enable")
    enabled = ProviderKey.objects.get(pk=key.pk).state
    do(client, key, "replace_secret", secret="sk-another-4321")

    assert (disabled, enabled) == (ProviderKey.State.DISABLED, ProviderKey.State.ACTIVE)
    assert secrets.reveal(ProviderKey.objects.get(pk=key.pk)) == "sk-another-4321"
    assert Change.objects.filter(kind="catalogue").count() == 3
    assert "sk-another-4321" not in str(list(AuditEvent.objects.values_list("before", "after")))


def test_provider_that_moves_to_another_host_parts_from_its_keys(
    client: Client, operator: User, key: ProviderKey
) -> None:
    form = {"name": "P", "slug": "p", "base_url": "https://192.0.43.9/v1", "dialect": "openai", "state": "on"}
    inlines = {"keys-TOTAL_FORMS": 0, "keys-INITIAL_FORMS": 0}

    client.post(reverse("admin:providers_provider_change", args=[key.provider_id]), form | inlines)

    key.refresh_from_db()
    assert key.provider.base_url == "https://192.0.43.9/v1"
    assert key.state == ProviderKey.State.DISABLED


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v1", "http://169.254.169.254/latest", "ftp://192.0.43.8", "http://[::1]/"]
)
def test_address_that_may_not_be_called_is_refused(client: Client, operator: User, url: str) -> None:
    form = {"name": "P", "base_url": url, "dialect": "openai", "state": "on"}
    inlines = {"keys-TOTAL_FORMS": 0, "keys-INITIAL_FORMS": 0}

    page = client.post(reverse("admin:providers_provider_add"), form | inlines)

    assert list(page.context["errors"]) != []
    assert not Provider.objects.exists()


def test_version_goes_through_its_life(client: Client, operator: User) -> None:
    version = a_version()
    following = ServiceVersion.objects.create(service=version.service, number=2, upstream_url="https://192.0.43.8")

    do(client, version, "publish")
    do(client, following, "publish")
    states = list(ServiceVersion.objects.order_by("number").values_list("state", flat=True))
    do(client, version, "retire")
    do(client, following, "deprecate")

    assert states == [VersionState.DEPRECATED, VersionState.PUBLISHED]
    assert list(ServiceVersion.objects.order_by("number").values_list("state", flat=True)) == ["retired", "deprecated"]
    assert AuditEvent.objects.filter(action__startswith="version.", reason=REASON).count() == 5


def test_version_without_an_upstream_is_not_published(client: Client, operator: User) -> None:
    version = a_version()
    ServiceVersion.objects.update(upstream_url="")

    page = do(client, version, "publish")

    assert messages(page) == [f"{version}: It has no upstream address yet."]
    assert ServiceVersion.objects.get().state == VersionState.DRAFT
    assert not AuditEvent.objects.filter(action="version.published").exists()


def test_published_version_cannot_be_edited(client: Client, operator: User) -> None:
    version = a_version(state=VersionState.PUBLISHED)

    client.post(
        reverse("admin:providers_serviceversion_change", args=[version.pk]), {"upstream_url": "https://192.0.43.9"}
    )

    assert ServiceVersion.objects.get().upstream_url == "https://192.0.43.8"


def test_price_is_appended_and_never_changed(client: Client, operator: User, key: ProviderKey) -> None:
    model = AiModel.objects.create(provider=key.provider, name="m", upstream_name="m")
    price = price_book.add(model, {"input_text": 1, "output_text": 1})
    form = {"name": "m", "provider": key.provider_id, "upstream_name": "m", "kind": "chat", "state": "on"}
    row = {"currency": "USD", "input": "0.15", "cached_input": "0.075", "output": "0.6"}
    when = {"effective_from_0": "2030-01-01", "effective_from_1": "00:00"}
    new = {f"prices-0-{name}": value for name, value in (row | when).items()}
    managed = {
        "prices-TOTAL_FORMS": 1,
        "prices-INITIAL_FORMS": 0,
        "prices-2-TOTAL_FORMS": 0,
        "prices-2-INITIAL_FORMS": 0,
    }

    client.post(reverse("admin:providers_aimodel_change", args=[model.pk]), form | new | managed)

    assert price.amounts() == {"input_text": 1, "output_text": 1}
    added = ModelPrice.objects.exclude(pk=price.pk).get()
    assert added.amounts() == {"input_text": 150_000_000, "cache_read": 75_000_000, "output_text": 600_000_000}
    assert Change.objects.filter(kind="catalogue").exists()


def test_payment_is_recorded_only_over_what_is_owed(client: Client, operator: User) -> None:
    invoice = an_invoice(SubscriptionFactory.create())

    wrong = do(client, invoice, "record_payment", amount="48.99")
    right = do(client, invoice, "record_payment", amount="49.00")

    assert "The amount is not that of the invoice." in messages(wrong)[0]
    assert messages(right) == [f"Invoice {invoice} is paid."]
    assert Invoice.objects.get().state == Invoice.State.PAID
    assert AuditEvent.objects.get(action="invoice.paid").actor == operator


def test_invoice_is_voided(client: Client, operator: User) -> None:
    invoice = an_invoice(SubscriptionFactory.create())

    do(client, invoice, "void")

    assert Invoice.objects.get().state == Invoice.State.VOID
    assert AuditEvent.objects.get(action="invoice.voided").reason == REASON


def test_invoice_is_charged_again(client: Client, operator: User) -> None:
    subscription = SubscriptionFactory.create()
    method = PaymentMethodFactory.create(team=subscription.team, is_default=True)
    invoice = an_invoice(subscription, collection="auto")

    do(client, invoice, "retry")

    assert PaymentMethod.objects.get() == method
    assert PaymentAttempt.objects.get().method == method
    assert AuditEvent.objects.get(action="invoice.charge_asked").reason == REASON


def test_draft_plan_version_is_edited_and_a_published_one_is_not(client: Client, operator: User) -> None:
    version = PlanVersionFactory.create(state=PlanVersion.State.DRAFT, price_minor=100)
    form = {
        "number": 1, "currency": "USD", "price_minor": "49.50", "interval": "month", "interval_count": 1,
        "collection": "auto", "net_days": 14, "call_price_nano": "0.000001", "cost_factor_ppm": "120",
        "limits-TOTAL_FORMS": 1, "limits-INITIAL_FORMS": 0,
        "limits-0-meter": "spend", "limits-0-period": "day", "limits-0-included": "2.5",
    }  # fmt: skip
    url = reverse("admin:billing_planversion_change", args=[version.pk])

    client.post(url, form)
    drafted = PlanVersion.objects.get()
    limit = Limit.objects.get(meter="spend", period="day")
    PlanVersion.objects.update(state=PlanVersion.State.PUBLISHED)
    client.post(url, form | {"price_minor": "1.00", "limits-TOTAL_FORMS": 0})

    assert (drafted.price_minor, drafted.call_price_nano) == (4_950, 1_000)
    assert limit.included == 2_500_000_000
    assert PlanVersion.objects.get().price_minor == 4_950


def test_plan_version_is_published_and_taken_off_offer(client: Client, operator: User) -> None:
    version = PlanVersionFactory.create(state=PlanVersion.State.DRAFT)

    do(client, version, "publish")
    published = PlanVersion.objects.get().state
    do(client, version, "retire")

    assert (published, PlanVersion.objects.get().state) == (PlanVersion.State.PUBLISHED, PlanVersion.State.RETIRED)
    assert AuditEvent.objects.filter(reason=REASON).count() == 2


def test_subscription_verbs(client: Client, operator: User) -> None:
    waiting = SubscriptionFactory.create(approval=Subscription.Approval.WAITING)
    unwanted = SubscriptionFactory.create(approval=Subscription.Approval.WAITING)
    owing = SubscriptionFactory.create()
    an_invoice(owing)

    said = [
        messages(do(client, row, verb))
        for row, verb in [
            (waiting, "approve"), (waiting, "pause"), (waiting, "resume"), (waiting, "cancel"), (waiting, "end"),
            (unwanted, "decline"), (owing, "suspend"),
        ]
    ]  # fmt: skip

    waiting.refresh_from_db()
    unwanted.refresh_from_db()
    owing.refresh_from_db()
    assert all(words and words[0].endswith("done.") for words in said), said
    assert (waiting.approval, waiting.hold, waiting.ended_reason) == ("granted", "", "canceled")
    assert (unwanted.approval, unwanted.approval_note) == ("declined", REASON)
    assert owing.hold == Subscription.Hold.SUSPENDED_BILLING
    assert AuditEvent.objects.filter(reason=REASON, actor=operator).count() == 7
    assert AuditEvent.objects.get(action="subscription.approved").reason == REASON


def test_cap_is_lifted(client: Client, operator: User) -> None:
    cap = CapFactory.create()

    do(client, cap, "lift")

    cap.refresh_from_db()
    assert cap.lifted_at is not None
    event = AuditEvent.objects.get(action="cap.lifted")
    assert (event.reason, event.actor, event.address) == (REASON, operator, "127.0.0.1")


def test_clock_is_moved_by_its_verb(client: Client, operator: User) -> None:
    test_clock = TestClock.objects.get_or_create(pk=1)[0]
    canceled = SubscriptionFactory.create(cancel_at=clock.now() + timedelta(days=1))
    before = clock.now()

    do(client, test_clock, "move", number=2, unit="days")

    assert TestClock.objects.get().offset_s == 2 * 86_400
    assert clock.now() - before >= timedelta(days=2)
    assert AuditEvent.objects.get(action="clock.moved").reason == REASON
    canceled.refresh_from_db()
    assert canceled.ended_at is not None
    TestClock.objects.update(offset_s=0)
    clock.refresh()


def test_edit_is_recorded_with_before_and_after_and_told_to_the_workers(client: Client, operator: User) -> None:
    key = ApiKeyFactory.create(name="old")
    form = {"name": "new", "expires_at_0": "", "expires_at_1": ""}

    client.post(reverse("admin:teams_apikey_change", args=[key.pk]), form)

    event = AuditEvent.objects.get(action="apikey.changed")
    assert (event.before, event.after, event.team) == ({"name": "old"}, {"name": "new"}, key.application.team)
    assert Change.objects.filter(kind="consumer", object_id=key.pk).exists()


def test_person_is_added_and_the_password_is_not_recorded(client: Client, operator: User) -> None:
    form = {
        "email": "Ada@Example.org", "usable_password": "true", "password1": "correct-horse-1", "password2": "correct-horse-1",
    }  # fmt: skip

    client.post(reverse("admin:teams_user_add"), form | {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0})

    assert User.objects.get(email="ada@example.org").check_password("correct-horse-1")
    event = AuditEvent.objects.get(action="user.added")
    assert event.after == {"email": "ada@example.org"}


# Home ----------------------------------------------------------------------------------------------------------------
def test_home_says_what_needs_the_operator(client: Client, operator: User, settings: Settings, tmp_path: Path) -> None:
    settings.HEARTBEAT_DIR = tmp_path
    heartbeats.touch(tmp_path, "worker")
    heartbeats.touch(tmp_path, "beat")
    heartbeats.touch(tmp_path, "shipper", lag_s=42.0)
    key = a_provider_key()
    ProviderKey.objects.update(state=ProviderKey.State.INVALID, state_reason="401")
    an_invoice(SubscriptionFactory.create())
    waiting = SubscriptionFactory.create(approval=Subscription.Approval.WAITING)
    TouchedMinute.objects.create(minute=clock.now() - timedelta(hours=1))

    titles = [need.title for need in client.get(reverse("admin:index")).context["needs"]]

    assert titles[0] == f"{key.provider} refuses the key main"
    assert set(titles[1:]) == {
        "The shipper lags by 42 s", "Roll-ups lag by 60 min 0 s", "1 invoice is not paid",
        f"{waiting.team} waits for {waiting.version.plan}",
    }  # fmt: skip


def test_home_names_parts_that_do_not_answer(
    client: Client, operator: User, settings: Settings, tmp_path: Path
) -> None:
    settings.HEARTBEAT_DIR = tmp_path
    heartbeats.touch(tmp_path, "worker")

    home = client.get(reverse("admin:index"))

    assert [need.title for need in home.context["needs"]] == ["shipper does not answer", "beat does not answer"]
    assert home.context["silent"] == 2


def test_home_is_quiet_when_all_is_well(client: Client, operator: User, settings: Settings, tmp_path: Path) -> None:
    settings.HEARTBEAT_DIR = tmp_path
    for part in ("worker", "beat", "shipper"):
        heartbeats.touch(tmp_path, part)

    home = client.get(reverse("admin:index"))

    assert home.context["needs"] == []
    assert "Nothing needs you" in home.content.decode()
