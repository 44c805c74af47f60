"""Cards on file: add, replace, choose, remove. A new default is tried on whatever is open, at once."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from apipark import changes, clock
from billing import dunning
from billing.gateways.base import AttachedMethod, Card
from billing.gateways.registry import card_gateway, gateway
from billing.models import PaymentMethod, Subscription
from teams import audit
from teams.models import Team, User


def add(team: Team, card: Card, *, actor: User, make_default: bool = True) -> PaymentMethod:
    """Raises ValidationError by field when the card is refused. The team's first method is its default in any case."""
    now = clock.now()
    keeper = card_gateway()
    attached = keeper.attach(card, now=now)
    with transaction.atomic(durable=True):
        _lock(team)
        is_default = make_default or not PaymentMethod.objects.filter(team=team, is_default=True).on_file().exists()
        method = _keep(team, keeper.name, attached, is_default=is_default, now=now)
        audit.record(team=team, actor=actor, action="method.added", target=method)
        _method_changed(team, now)
    if is_default:
        dunning.collect_open(team, actor=actor)
    method.refresh_from_db()
    return method


def replace(method: PaymentMethod, card: Card, *, actor: User) -> PaymentMethod:
    """The new card takes the place of the old one: never a moment without either."""
    now = clock.now()
    keeper = card_gateway()
    attached = keeper.attach(card, now=now)
    team = method.team
    with transaction.atomic(durable=True):
        _lock(team)
        old = _on_file(method)
        new = _keep(team, keeper.name, attached, is_default=old.is_default, now=now)
        _forget(old, now)
        audit.record(
            team=team,
            actor=actor,
            action="method.replaced",
            target=new,
            before={"method": str(old)},
            after={"method": str(new)},
        )
        _method_changed(team, now)
    if new.is_default:
        dunning.collect_open(team, actor=actor)
    new.refresh_from_db()
    return new


def set_default(method: PaymentMethod, *, actor: User) -> None:
    with transaction.atomic(durable=True):
        _lock(method.team)
        chosen = _on_file(method)
        PaymentMethod.objects.filter(team=method.team, is_default=True).update(is_default=False)
        chosen.is_default = True
        chosen.save(update_fields=["is_default"])
        audit.record(team=method.team, actor=actor, action="method.made_default", target=chosen)
        _method_changed(method.team, clock.now())
    dunning.collect_open(method.team, actor=actor)


@transaction.atomic
def remove(method: PaymentMethod, *, actor: User) -> None:
    """Another method on file becomes the default; without one, plans that need a method begin their grace."""
    now = clock.now()
    _lock(method.team)
    old = _on_file(method)
    _forget(old, now)
    if old.is_default:
        heir = PaymentMethod.objects.filter(team=method.team).on_file().order_by("-created_at").first()
        if heir:
            heir.is_default = True
            heir.save(update_fields=["is_default"])
    audit.record(team=method.team, actor=actor, action="method.removed", target=old)
    _method_changed(method.team, now)


def _keep(team: Team, gateway_name: str, attached: AttachedMethod, *, is_default: bool, now: datetime) -> PaymentMethod:
    if is_default:
        PaymentMethod.objects.filter(team=team, is_default=True).update(is_default=False)
    return PaymentMethod.objects.create(
        team=team,
        gateway=gateway_name,
        token=attached.token,
        brand=attached.brand,
        last_four=attached.last_four,
        exp_month=attached.exp_month,
        exp_year=attached.exp_year,
        is_default=is_default,
        created_at=now,
    )


def _forget(method: PaymentMethod, now: datetime) -> None:
    method.removed_at = now
    method.save(update_fields=["removed_at"])
    transaction.on_commit(lambda: gateway(method.gateway).detach(method.token))


def _method_changed(team: Team, now: datetime) -> None:
    """Grace of plans that need a method runs from its loss, and ends with a new one."""
    live = Subscription.objects.filter(team=team, ended_at=None)
    if PaymentMethod.objects.filter(team=team).on_file().exists():
        live.exclude(method_missing_since=None).update(method_missing_since=None)
    else:
        live.filter(method_missing_since=None, version__requires_method=True).update(method_missing_since=now)
    for pk in live.values_list("pk", flat=True):
        changes.announce("subscription", pk)


def _lock(team: Team) -> None:
    Team.objects.select_for_update().get(pk=team.pk)


def _on_file(method: PaymentMethod) -> PaymentMethod:
    found = PaymentMethod.objects.filter(pk=method.pk).on_file().first()
    if found is None:
        raise ValidationError(_("This payment method is not on file any more."))
    return found
