from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apipark import clock
from teams.keys import SCOPES, parse_networks
from teams.models import ApiKey, Application, Environment, User

# Days; an empty value means that the key never expires.
EXPIRIES = [("30", _("30 days")), ("90", _("90 days")), ("365", _("365 days")), ("never", _("Never"))]
OVERLAPS = [("0", _("At once")), ("1", _("1 hour")), ("24", _("24 hours")), ("168", _("7 days"))]


class ApplicationForm(forms.ModelForm[Application]):
    class Meta:
        model = Application
        fields = ["name", "description", "environment"]
        widgets = {"environment": forms.RadioSelect}
        help_texts = {
            "name": _("What calls: a product, a job, a team's notebook."),
            "environment": _("Keys of a test application begin with ap_test_. This cannot be changed later."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["environment"]
        else:
            self.fields["environment"].choices = Environment.choices  # type: ignore[attr-defined]  # no empty choice


class _ExpiryForm(forms.Form):
    expiry = forms.ChoiceField(label=_("Expires after"), choices=EXPIRIES, widget=forms.RadioSelect, initial="90")

    @property
    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["expiry"]
        return None if days == "never" else clock.now() + timedelta(days=int(days))


class KeyForm(_ExpiryForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("The place that uses it, for example tablets-2027."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    networks = forms.CharField(
        label=_("Allowed addresses"),
        required=False,
        # Far more than anybody lists by hand, and little to compare for each call.
        max_length=4000,
        help_text=_("One IPv4 or IPv6 range a line, in CIDR form. Empty means any address."),
        widget=forms.Textarea({"rows": 3, "spellcheck": "false", "class": "mono"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Money"), required=False, choices=list(SCOPES.items()), widget=forms.CheckboxSelectMultiple
    )

    field_order = ["name", "networks", "scopes", "expiry"]

    def __init__(self, *args: Any, sees_money: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Nobody grants more than they hold.
        if not sees_money:
            del self.fields["scopes"]

    def clean_networks(self) -> list[str]:
        try:
            return parse_networks(self.cleaned_data["networks"].split())
        except ValidationError as error:
            raise ValidationError(error.messages) from error


class RotateForm(_ExpiryForm):
    overlap = forms.ChoiceField(
        label=_("The old key ends"),
        choices=OVERLAPS,
        initial="24",
        widget=forms.RadioSelect,
        help_text=_("Both work until then, so that nothing stops while the new one is brought out."),
    )

    field_order = ["overlap", "expiry"]

    @property
    def overlap_time(self) -> timedelta:
        return timedelta(hours=int(self.cleaned_data["overlap"]))


class RevokeForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the key"),
        help_text=_("Type it: this cannot be undone."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    reason = forms.CharField(label=_("Reason"), required=False, max_length=200)

    def __init__(self, *args: Any, key: ApiKey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.key.name:
            raise ValidationError(_("The key is called “%(name)s”."), params={"name": self.key.name})
        return name


class AccountForm(forms.ModelForm[User]):
    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=[(name, name.replace("_", " ")) for name in sorted(available_timezones())]
    )

    class Meta:
        model = User
        fields = ["name", "language", "time_zone"]
