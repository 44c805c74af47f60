from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apipark import money
from apipark.amounts import AmountField
from apipark.fields import RowsField
from billing.models import Cap, Meter
from teams.models import Membership


class SubscribeForm(forms.Form):
    # The terms that were on the page: others are not agreed to.
    version = forms.CharField(widget=forms.HiddenInput, max_length=32)
    # The only one it is for; empty: all of the team.
    application = forms.CharField(widget=forms.HiddenInput, max_length=32, required=False)


class ChangeForm(forms.Form):
    version = forms.CharField(widget=forms.HiddenInput, max_length=32)
    agreed_minor = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class RefForm(forms.Form):
    """Which invoice or method a button means."""

    ref = forms.CharField(widget=forms.HiddenInput, max_length=32)


class RaiseCapForm(forms.Form):
    """Spend is typed in the currency, everything else is counted."""

    def __init__(self, *args: Any, cap: Cap, **options: Any) -> None:
        super().__init__(*args, **options)
        self.cap = cap
        twice = 2 * cap.limit or None
        if cap.meter == Meter.SPEND:
            self.fields["limit"] = AmountField(
                label=_("New cap"), initial=twice, widget=forms.TextInput({"inputmode": "decimal"})
            )
        else:
            self.fields["limit"] = forms.IntegerField(
                label=_("New cap"),
                initial=twice,
                min_value=0,
                max_value=money.NANO_BOUND - 1,
                widget=forms.TextInput({"inputmode": "numeric"}),
            )

    def clean_limit(self) -> int:
        limit: int = self.cleaned_data["limit"]
        if limit <= self.cap.limit:
            raise ValidationError(_("The new cap must be higher than the present one."))
        return limit


class AskForm(forms.Form):
    to = RowsField(Membership.objects.none(), error_messages={"required": _("Choose somebody.")})
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=500,
        widget=forms.Textarea({"rows": 3}),
        help_text=_("Sent by mail and shown here. Do not put keys in it."),
    )

    def __init__(self, data: Any, *, people: Any) -> None:
        super().__init__(data)
        self.fields["to"].queryset = people  # type: ignore[attr-defined]  # of a model's choice


class ContactForm(forms.Form):
    text = forms.CharField(
        label=_("Message"),
        max_length=5_000,
        widget=forms.Textarea({"rows": 8}),
        help_text=_("What you did, what you expected, what came instead. Do not put keys in it."),
    )
