"""Terms on offer."""

import pytest
from django.core.exceptions import ValidationError

from apipark import clock
from apipark.models import Change
from billing import plans
from billing.models import PlanVersion
from providers import price_book
from providers.models import AiModel, Provider, ServiceVersion
from tests.billing.factories import PlanFactory, PlanVersionFactory, ServiceFactory

pytestmark = pytest.mark.django_db


def a_model(currency: str) -> AiModel:
    provider = Provider.objects.create(
        name=f"P {currency}", slug=currency.lower(), base_url="https://models.example/v1"
    )
    model = AiModel.objects.create(provider=provider, name=f"m-{currency}", upstream_name="m")
    price_book.add(model, {"input_text": 1, "output_text": 1}, currency=currency)
    return model


def test_publishing_retires_the_version_before_and_keeps_its_subscribers() -> None:
    old = PlanVersionFactory.create()
    new = PlanVersionFactory.create(plan=old.plan, state="draft")

    published = plans.publish(new, actor=None)

    old.refresh_from_db()
    assert (old.state, published.state) == ("retired", "published")
    assert published.published_at
    assert published.published_at <= clock.now()
    assert list(type(old.plan).objects.on_offer()) == [old.plan]
    assert Change.objects.get().kind == "catalogue"


def test_only_drafts_are_published_and_only_offers_withdrawn() -> None:
    version = PlanVersionFactory.create()

    with pytest.raises(ValidationError):
        plans.publish(version, actor=None)
    assert plans.retire(version, actor=None).state == "retired"
    with pytest.raises(ValidationError):
        plans.retire(version, actor=None)


def test_a_plan_without_services_is_refused() -> None:
    draft = PlanVersionFactory.create(plan=PlanFactory.create(services=[]), state="draft")

    with pytest.raises(ValidationError, match="service"):
        plans.publish(draft, actor=None)


@pytest.mark.parametrize("chosen", [True, False])
def test_a_model_priced_in_another_currency_is_named(chosen: bool) -> None:  # noqa: FBT001 - a parameter of the table
    service = ServiceFactory.create(kind="ai")
    served = ServiceVersion.objects.create(service=service, number=1, state="published")
    dollars, euros = a_model("USD"), a_model("EUR")
    served.ai_models.set([dollars] if chosen else [dollars, euros])
    draft = PlanVersionFactory.create(plan=PlanFactory.create(services=[service]), state="draft")
    draft.ai_models.set([euros] if chosen else [])

    with pytest.raises(ValidationError, match="m-EUR"):
        plans.publish(draft, actor=None)

    assert PlanVersion.objects.get().state == "draft"


def test_a_model_outside_the_chosen_ones_does_not_matter() -> None:
    service = ServiceFactory.create(kind="ai")
    served = ServiceVersion.objects.create(service=service, number=1, state="published")
    dollars, euros = a_model("USD"), a_model("EUR")
    served.ai_models.set([dollars, euros])
    draft = PlanVersionFactory.create(plan=PlanFactory.create(services=[service]), state="draft")
    draft.ai_models.set([dollars])

    assert plans.publish(draft, actor=None).state == "published"
