"""Form fields for exact amounts: people type 0.15, the database keeps integers."""

import re
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apipark import money

_DECIMAL: Final = re.compile(r"(\d{1,12})(?:\.(\d*))?")


class AmountField(forms.CharField):
    """`places` behind the point: 9 for nano, the currency's for cash."""

    def __init__(self, *args: Any, places: int = 9, **options: Any) -> None:
        self.places = places
        options.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal", "class": "vTextField short"}))
        super().__init__(*args, **options)

    def prepare_value(self, value: Any) -> Any:
        return amount_text(value, self.places) if isinstance(value, int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return read_amount(text, self.places) if text else None


def amount_text(value: int, places: int) -> str:
    whole, part = divmod(value, 10**places)
    decimals = f"{part:0{places}d}".rstrip("0") if places else ""
    return f"{whole}.{decimals}" if decimals else str(whole)


def read_amount(text: str, places: int) -> int:
    """Raises ValidationError for what is no amount, has more places than there are, or is beyond what is stored."""
    found = _DECIMAL.fullmatch(text.strip())
    if found is None:
        raise ValidationError(_("Write an amount such as 0.15."))
    whole, part = found[1], (found[2] or "").rstrip("0")
    if len(part) > places:
        raise ValidationError(_("At most %(places)d places behind the point.") % {"places": places})
    value = int(whole + part.ljust(places, "0"))
    if value >= money.NANO_BOUND:
        raise ValidationError(_("This amount is too large."))
    return value
