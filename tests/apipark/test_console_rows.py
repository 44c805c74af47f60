"""Rows in the tables of a console's form: as many as anybody types, and no more."""

import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import PlanVersion
from tests.billing.factories import PlanVersionFactory
from tests.teams.factories import MembershipFactory, TeamFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.apipark.console_urls")]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


def test_rows_that_are_announced_in_the_thousands_are_refused_at_once(operator: Client) -> None:
    version = PlanVersionFactory.create(state=PlanVersion.State.DRAFT)
    limits = version.limits.count()
    form = {"limits-TOTAL_FORMS": 100_000, "limits-INITIAL_FORMS": 0}
    began = time.monotonic()

    page = operator.post(reverse("admin:billing_planversion_change", args=[version.pk]), form)

    (rows,) = (formset.formset for formset in page.context["inline_admin_formsets"])
    assert rows.non_form_errors() == [f"At most {limits + 25} rows can be sent at once."]
    assert "rows can be sent at once" in page.content.decode()
    assert time.monotonic() - began < 3
    assert version.limits.count() == limits


@pytest.mark.parametrize("new", [1, 25])
def test_as_many_rows_as_anybody_types_are_saved_beside_those_that_exist(operator: Client, new: int) -> None:
    team = TeamFactory.create()
    MembershipFactory.create_batch(30, team=team)
    there, people = list(team.memberships.all()), UserFactory.create_batch(new)
    form: dict[str, Any] = {"name": "Many", "slug": team.slug, "currency": "USD", "country": "DE", "time_zone": "UTC"}
    form |= {"memberships-TOTAL_FORMS": 30 + new, "memberships-INITIAL_FORMS": 30}
    form |= {"applications-TOTAL_FORMS": 0, "applications-INITIAL_FORMS": 0}
    for number, membership in enumerate(there):
        kept = {"id": membership.pk, "team": team.pk, "user": membership.user_id, "role": membership.role}
        form |= {f"memberships-{number}-{name}": value for name, value in kept.items()}
    for number, person in enumerate(people, start=30):
        form |= {f"memberships-{number}-user": person.pk, f"memberships-{number}-role": "developer"}

    page = operator.post(reverse("admin:teams_team_change", args=[team.pk]), form)

    assert page.status_code == 302, page.context["adminform"].form.errors
    assert team.memberships.count() == 30 + new
