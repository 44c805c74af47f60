"""What a payment gateway does for us: it keeps methods and charges them. Plans, periods and invoices stay ours."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from billing.models import PaymentAttempt


@dataclass(frozen=True, slots=True)
class Card:
    """As it was typed in. Handed to a gateway and forgotten; never logged, never stored."""

    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cvc: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AttachedMethod:
    """What the gateway says of a method that it now keeps."""

    token: str
    brand: str
    last_four: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class Succeeded:
    pass


@dataclass(frozen=True, slots=True)
class Declined:
    """`category` is one of PaymentAttempt.Category; `hard`: never try this method again."""

    category: str
    hard: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody said no: the gateway could not be asked."""


Outcome = Succeeded | Declined | Failed


class PaymentGateway(Protocol):
    name: str

    def attach(self, card: Card, *, now: datetime) -> AttachedMethod:
        """Raises ValidationError by field when the card is refused."""

    def detach(self, token: str) -> None: ...

    def charge(self, attempt: PaymentAttempt) -> Outcome:
        """The attempt is committed as pending before; its ref is the idempotency key, so asking again is harmless."""
