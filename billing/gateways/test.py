"""The test gateway: cards that are not real, each of which always behaves the same way. It keeps nothing itself.

A method's token names the card's behaviour, so the answer to a charge depends on the attempt alone and asking twice for
one attempt answers the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from billing.contracts import expires_at
from billing.gateways.base import AttachedMethod, Card, Declined, Outcome, Succeeded
from billing.models import PaymentAttempt, PaymentMethod

_Category = PaymentAttempt.Category


@dataclass(frozen=True, slots=True)
class TestCard:
    """`behaviour` is what its token begins with."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    number: str
    behaviour: str
    # For the page where it is typed.
    effect: StrOrPromise


# The numbers that Stripe's test mode made known. Unlike there, cards that decline can be attached: what is shown with
# them is a payment that fails, not a form that does.
CARDS: Final = (
    TestCard("4242424242424242", "succeeds", gettext_lazy("pays")),
    TestCard("4000000000000341", "fails", gettext_lazy("is declined")),
    TestCard("4000000000000002", "declined", gettext_lazy("is declined")),
    TestCard("4000000000009995", "insufficient", gettext_lazy("is declined: insufficient funds")),
    TestCard("4000000000009987", "lost", gettext_lazy("is refused for good: lost")),
    TestCard("4000000000009979", "stolen", gettext_lazy("is refused for good: stolen")),
    TestCard("4000000000000069", "expired", gettext_lazy("is refused for good: expired")),
    TestCard("4000000000000119", "processing", gettext_lazy("is declined: an error while it was processed")),
)
_WRONG_CVC: Final = "4000000000000127"
_BEHAVIOURS: Final = {card.number: card.behaviour for card in CARDS}
_OUTCOMES: Final[dict[str, Outcome]] = {
    "succeeds": Succeeded(),
    "fails": Declined(_Category.ISSUER_DECLINED, hard=False),
    "declined": Declined(_Category.ISSUER_DECLINED, hard=False),
    "insufficient": Declined(_Category.INSUFFICIENT_FUNDS, hard=False),
    # Lost and stolen are nobody's business but the issuer's.
    "lost": Declined(_Category.ISSUER_DECLINED, hard=True),
    "stolen": Declined(_Category.ISSUER_DECLINED, hard=True),
    "expired": Declined(_Category.EXPIRED, hard=True),
    "processing": Declined(_Category.OTHER, hard=False),
}


class TestGateway:
    __test__ = False  # not a test, whatever pytest thinks of the name
    name = "test"

    def attach(self, card: Card, *, now: datetime) -> AttachedMethod:
        number = card.number.replace(" ", "")
        if number == _WRONG_CVC:
            raise ValidationError({"cvc": _("The security code is wrong.")})
        if number not in _BEHAVIOURS:
            raise ValidationError({"number": _("This is not a test card. Never enter a real card here.")})
        if not 1 <= card.exp_month <= 12:
            raise ValidationError({"exp_month": _("There is no such month.")})
        if not now.year <= card.exp_year <= now.year + 60:
            raise ValidationError({"exp_year": _("Enter a year from now on, with four digits.")})
        method = AttachedMethod(
            f"{_BEHAVIOURS[number]}-{uuid4().hex}", "Visa", number[-4:], card.exp_month, card.exp_year
        )
        if now >= expires_at(PaymentMethod(exp_month=card.exp_month, exp_year=card.exp_year)):
            raise ValidationError({"exp_month": _("This card has expired.")})
        return method

    def detach(self, token: str) -> None:
        """Nothing is kept anywhere."""

    def charge(self, attempt: PaymentAttempt) -> Outcome:
        method = attempt.method
        if method is None:
            raise ValueError("a test card is needed")
        if attempt.started_at >= expires_at(method):
            return Declined(_Category.EXPIRED, hard=True)
        return _OUTCOMES[method.token.partition("-")[0]]
