"""What of money waits for the operator: invoices that are overdue, subscriptions that wait for an approval."""

from collections.abc import Iterator
from typing import Final

from django.db.models import Count, Min, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apipark import clock
from apipark.needs import Asker, Need, Urgency, change_url, list_url, verb_url
from apipark.templatetags.portal import cash
from billing.models import Invoice, Subscription

_MOST: Final = 10  # of one kind on the home page; the list has them all


def unpaid_invoices() -> Iterator[Need]:
    """Past their date, or tried in vain: one need for each currency, for they cannot be added."""
    late = Invoice.objects.unpaid().filter(Q(due_at__lt=clock.now()) | Q(first_failed_at__isnull=False))
    sums = (
        late.order_by().values("currency").annotate(count=Count("pk"), total=Sum("total_minor"), oldest=Min("due_at"))
    )
    for row in sums.order_by("currency"):
        words = ngettext("%(count)s invoice is not paid", "%(count)s invoices are not paid", row["count"])
        teams = ", ".join(
            late.filter(currency=row["currency"]).order_by("due_at").values_list("team__name", flat=True)[:3]
        )
        url = list_url(Invoice, late="1")
        yield Need(
            urgency=Urgency.SOON,
            icon="receipt-text",
            title=words % {"count": row["count"]},
            detail=_("%(total)s in all, from %(teams)s")
            % {"total": cash(row["total"], row["currency"]), "teams": teams},
            since=row["oldest"],
            url=url,
            act=_("Review"),
            act_url=url,
        )


def waiting_approvals() -> Iterator[Need]:
    waiting = Subscription.objects.filter(approval=Subscription.Approval.WAITING, ended_at=None)
    for subscription in waiting.select_related("team", "version__plan__publisher")[:_MOST]:
        yield Need(
            urgency=Urgency.WAITING,
            icon="inbox",
            title=_("%(team)s waits for %(plan)s") % {"team": subscription.team, "plan": subscription.version.plan},
            detail=_("%(publisher)s, or you, may approve it") % {"publisher": subscription.version.plan.publisher},
            since=subscription.requested_at,
            url=change_url(subscription),
            act=_("Approve"),
            act_url=verb_url(subscription, "approve"),
        )


ASKERS: Final = (
    Asker(unpaid_invoices, "billing.view_invoice"),
    Asker(waiting_approvals, "billing.view_subscription"),
)
