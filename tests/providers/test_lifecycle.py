import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apipark.models import Change
from providers import catalogue, lifecycle
from providers.models import Service, ServiceVersion, VersionState
from teams.models import AuditEvent
from tests.billing.factories import ServiceFactory
from tests.providers.factories import AiModelFactory, ServiceVersionFactory

pytestmark = pytest.mark.django_db
VERBS = {
    VersionState.PUBLISHED: lifecycle.publish,
    VersionState.DEPRECATED: lifecycle.deprecate,
    VersionState.RETIRED: lifecycle.retire,
}
ALLOWED = {
    ("draft", "published"),
    ("in_review", "published"),
    ("published", "deprecated"),
    ("published", "retired"),
    ("deprecated", "retired"),
}


def test_only_published_and_deprecated_versions_can_be_called() -> None:
    assert VersionState.callable() == [VersionState.PUBLISHED, VersionState.DEPRECATED]


@pytest.mark.parametrize("before", VersionState.values)
@pytest.mark.parametrize("after", VERBS)
def test_each_way_from_state_to_state(before: str, after: VersionState) -> None:
    version = ServiceVersionFactory.create(state=before)

    if (before, after) in ALLOWED:
        VERBS[after](version, actor=None, reason="asked for")
        version.refresh_from_db()
        assert version.state == after
        assert getattr(version, f"{after}_at") is not None
        event = AuditEvent.objects.get()
        assert (event.action, event.before, event.after) == (f"version.{after}", {"state": before}, {"state": after})
        assert Change.objects.get().kind == "catalogue"
    else:
        with pytest.raises(ValidationError):
            VERBS[after](version, actor=None, reason="asked for")
        version.refresh_from_db()
        assert version.state == before
        assert not AuditEvent.objects.exists()


def test_publishing_the_next_deprecates_the_one_before() -> None:
    first = ServiceVersionFactory.create(state=VersionState.PUBLISHED)
    second = ServiceVersionFactory.create(service=first.service)

    lifecycle.publish(second, actor=None)

    states = list(ServiceVersion.objects.order_by("number").values_list("state", flat=True))
    assert states == [VersionState.DEPRECATED, VersionState.PUBLISHED]


def test_database_keeps_a_second_published_version_out() -> None:
    first = ServiceVersionFactory.create(state=VersionState.PUBLISHED)

    with pytest.raises(IntegrityError), transaction.atomic():
        ServiceVersionFactory.create(service=first.service, state=VersionState.PUBLISHED)


def test_version_with_nothing_behind_it_is_not_published() -> None:
    rest = ServiceVersionFactory.create(upstream_url="")
    ai = ServiceVersionFactory.create(service=ServiceFactory.create(kind=Service.Kind.AI), upstream_url="")

    for version in (rest, ai):
        with pytest.raises(ValidationError):
            lifecycle.publish(version, actor=None)
    ai.ai_models.add(AiModelFactory.create())
    lifecycle.publish(ai, actor=None)

    assert ServiceVersion.objects.get(pk=ai.pk).state == VersionState.PUBLISHED


@pytest.mark.parametrize(
    ("states", "number"),
    [
        (["published", "draft"], 1),
        (["deprecated", "published"], 2),
        (["deprecated", "deprecated"], 2),
        (["retired", "draft"], None),
        (["in_review"], None),
        ([], None),
    ],
)
def test_current_version_is_the_one_that_calls_reach(states: list[str], number: int | None) -> None:
    service = ServiceFactory.create()
    for state in states:
        ServiceVersionFactory.create(service=service, state=state)

    found = catalogue.current(catalogue.versions_shown(service, own=True))

    assert (found.number if found else None) == number
