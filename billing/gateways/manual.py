"""Money that comes by bank transfer: a person records it (`invoicing.record_payment`), nothing can be charged."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from billing.gateways.base import AttachedMethod, Card, Failed, Outcome
from billing.models import PaymentAttempt


class ManualGateway:
    name = "manual"

    def attach(self, card: Card, *, now: datetime) -> AttachedMethod:  # noqa: ARG002 - the protocol's
        raise ValidationError(_("Cards are not accepted here: pay by transfer."))

    def detach(self, token: str) -> None:
        """Nothing is kept anywhere."""

    def charge(self, attempt: PaymentAttempt) -> Outcome:  # noqa: ARG002 - the protocol's
        return Failed()
