"""Mails that people send from pages about a refusal: to colleagues who may lift it, to a publisher, to the operator.

The portal sends them in its own name, with the writer's address to answer to. Each is written down.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from apipark import clock
from apipark.problems import ProblemType
from providers.models import Service
from teams import audit
from teams.models import AuditEvent, Membership, Team, User

ASKED: Final = "fix.asked"
WROTE: Final = "contact.written"
# A person needs a few; more within an hour is a script, and mails cost the sender's good name.
_MOST_AN_HOUR: Final = 10


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who reads what is written on the contact page."""

    name: str
    email: str
    support_url: str = ""


@transaction.atomic
def ask(
    members: Iterable[Membership],
    *,
    kind: ProblemType,
    url: str,
    note: str,
    actor: User,
    team: Team,
    about: models.Model,
) -> int:
    """Send the link and the note to members who may act. Raises ValidationError when too much was sent already."""
    chosen = list(members)
    _check_rate(actor, ASKED)
    for member in chosen:
        with override(member.user.language):
            subject = _("%(name)s asks: %(title)s") % {"name": actor, "title": _(kind.title)}
            lines = [
                _("A call of %(team)s was refused: %(title)s.") % {"team": team, "title": _(kind.title)},
                _(kind.meaning),
                _("You may lift it here: %(url)s") % {"url": url},
            ]
            if note:
                lines.append(_("%(name)s writes:") % {"name": actor} + f"\n\n{note}")
        _send(subject, "\n\n".join(lines), member.user.email, actor)
    audit.record(
        team=team,
        actor=actor,
        action=ASKED,
        target=about,
        after={"problem": kind.slug, "to": [member.user.email for member in chosen], "url": url},
        reason=note,
    )
    return len(chosen)


@transaction.atomic
def write(
    recipient: Recipient, *, text: str, request_id: str, actor: User, team: Team | None, service: Service | None
) -> None:
    """Raises ValidationError when too much was sent already."""
    _check_rate(actor, WROTE)
    subject = _("Question about %(service)s") % {"service": service} if service else _("Question about the gateway")
    facts = [
        _("From: %(person)s") % {"person": f"{actor} <{actor.email}>"},
        _("Team: %(team)s") % {"team": f"{team} ({team.ref})"} if team else "",
        _("Service: %(service)s") % {"service": f"{service} ({service.ref})"} if service else "",
        _("Request: %(id)s") % {"id": request_id} if request_id else "",
    ]
    _send(subject, text + "\n\n" + "\n".join(fact for fact in facts if fact), recipient.email, actor)
    audit.record(
        team=team,
        actor=actor,
        action=WROTE,
        target=service or actor,
        after={"to": recipient.name, "request": request_id},
        reason=text,
    )


def recipient(service: Service | None) -> Recipient:
    """The publisher; the operator of the gateway where there is none, or none who can be written to."""
    team = service.team if service else None
    if team and team.contact_email:
        return Recipient(team.name, team.contact_email, team.support_url)
    email = settings.PORTAL_SUPPORT_EMAIL or settings.PORTAL_OPERATOR_EMAIL
    return Recipient(_("the operator of this portal"), email, team.support_url if team else "")


def last_asked(about: models.Model, kind: ProblemType) -> AuditEvent | None:
    """So that the page can say that somebody was asked already."""
    rows = AuditEvent.objects.filter(action=ASKED, object_ref=getattr(about, "ref", ""), after__problem=kind.slug)
    return rows.order_by("-pk").first()


def _check_rate(actor: User, action: str) -> None:
    recent = AuditEvent.objects.filter(actor=actor, action=action, at__gt=clock.now() - timedelta(hours=1))
    if recent.count() >= _MOST_AN_HOUR:
        raise ValidationError(_("You have sent several mails within this hour. Please wait a while."))


def _send(subject: str, body: str, to: str, actor: User) -> None:
    """When the event is committed; a name is one line, whatever a person calls itself."""
    message = EmailMessage(" ".join(subject.split()), body, to=[to], reply_to=[actor.email])
    transaction.on_commit(message.send)
