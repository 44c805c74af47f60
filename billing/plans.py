"""Put a plan's terms on offer, and take them off it. Neither touches who has subscribed."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apipark import changes, clock
from billing.models import Plan, PlanVersion
from providers.models import AiModel, ModelPrice
from providers.models.service import VersionState
from teams import audit
from teams.models import User


@transaction.atomic
def publish(version: PlanVersion, *, actor: User | None, reason: str = "") -> PlanVersion:
    """Immutable from now on; the version on offer so far is no longer offered."""
    plan = Plan.objects.select_for_update().get(pk=version.plan_id)
    draft = PlanVersion.objects.select_for_update(of=("self",)).select_related("plan__publisher").get(pk=version.pk)
    if draft.state != PlanVersion.State.DRAFT:
        raise ValidationError(_("Only a draft can be published."))
    if not plan.services.exists():
        raise ValidationError(_("A plan needs at least one service."))
    _check_currency(draft)
    plan.versions.filter(state=PlanVersion.State.PUBLISHED).update(state=PlanVersion.State.RETIRED)
    draft.state, draft.published_at = PlanVersion.State.PUBLISHED, clock.now()
    draft.save(update_fields=["state", "published_at"])
    audit.record(team=plan.publisher, actor=actor, action="plan.published", target=draft, reason=reason)
    changes.announce("catalogue")
    return draft


@transaction.atomic
def retire(version: PlanVersion, *, actor: User | None, reason: str = "") -> PlanVersion:
    """Nobody can subscribe to it any more; who has it keeps it."""
    offered = PlanVersion.objects.select_for_update(of=("self",)).select_related("plan__publisher").get(pk=version.pk)
    if offered.state != PlanVersion.State.PUBLISHED:
        raise ValidationError(_("Only a version on offer can be withdrawn."))
    offered.state = PlanVersion.State.RETIRED
    offered.save(update_fields=["state"])
    audit.record(team=offered.plan.publisher, actor=actor, action="plan.retired", target=offered, reason=reason)
    changes.announce("catalogue")
    return offered


def _check_currency(version: PlanVersion) -> None:
    """What models cost is charged on without conversion, so it has to be in the plan's currency."""
    models = version.ai_models.all()
    if not models:
        models = AiModel.objects.filter(
            versions__service__plans=version.plan, versions__state__in=VersionState.callable()
        ).distinct()
    # Prices that were replaced no longer matter; planned ones do.
    now = clock.now()
    wrong = []
    for model in models:
        current = ModelPrice.objects.filter(model=model, effective_from__lte=now).order_by("-effective_from").first()
        later = ModelPrice.objects.filter(Q(model=model), effective_from__gt=now)
        prices = [*([current] if current else []), *later]
        if any(price.currency != version.currency for price in prices):
            wrong.append(model.name)
    if wrong:
        raise ValidationError(
            _("The plan is in %(currency)s, but these models are priced in another currency: %(models)s."),
            params={"currency": version.currency, "models": ", ".join(wrong)},
        )
