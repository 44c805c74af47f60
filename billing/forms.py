from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apipark.amounts import AmountField
from billing.gateways.base import Card
from billing.models import Cap, PlanVersion
from teams.models import Application, Team

_ALL: Final = "all"


def _offer_choice(form: forms.Form, team: Team, all_of_them: str | Promise) -> dict[str, Application]:
    """One application of the team or all; by ref. An empty choice of radio buttons could not be seen."""
    applications = {application.ref: application for application in Application.objects.filter(team=team)}
    names = [(ref, application.name) for ref, application in applications.items()]
    form.fields["application"].choices = [(_ALL, all_of_them), *names]  # type: ignore[attr-defined]  # a ChoiceField
    return applications


class SubscribeForm(forms.Form):
    # The terms that were on the page: others are not agreed to.
    version = forms.CharField(widget=forms.HiddenInput, max_length=32)
    application = forms.ChoiceField(label=_("Applications"), widget=forms.RadioSelect)

    def __init__(self, data: Any, *, team: Team, offered: PlanVersion) -> None:
        super().__init__(data, initial={"version": offered.ref, "application": _ALL})
        self.offered = offered
        self.applications = _offer_choice(self, team, _("All applications, also later ones"))

    def clean_application(self) -> Application | None:
        return self.applications.get(self.cleaned_data["application"])

    def clean_version(self) -> str:
        ref: str = self.cleaned_data["version"]
        if ref != self.offered.ref:
            raise ValidationError(_("The terms have changed meanwhile. Please look at them again."))
        return ref


class ChangeForm(forms.Form):
    to = forms.CharField(widget=forms.HiddenInput, max_length=32)
    agreed_minor = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class CardForm(forms.Form):
    number = forms.CharField(
        label=_("Card number"),
        max_length=23,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "cc-number", "spellcheck": "false"}),
    )
    exp_month = forms.IntegerField(
        label=_("Expires, month"),
        min_value=1,
        max_value=12,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "cc-exp-month", "class": "short"}),
    )
    exp_year = forms.IntegerField(
        label=_("Expires, year"),
        min_value=2000,
        max_value=2200,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "cc-exp-year", "class": "short"}),
    )
    cvc = forms.CharField(
        label=_("Security code"),
        max_length=4,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "cc-csc", "class": "short"}),
    )

    def clean_number(self) -> str:
        number: str = self.cleaned_data["number"].replace(" ", "")
        if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
            raise ValidationError(_("A card number has 12 to 19 digits."))
        return number

    @property
    def card(self) -> Card:
        return Card(**self.cleaned_data)


class CapForm(forms.Form):
    application = forms.ChoiceField(label=_("Of"), initial=_ALL)
    period = forms.ChoiceField(label=_("Per"), choices=Cap.Period.choices, initial=Cap.Period.MONTH)
    limit = AmountField(
        label=_("Spend"),
        help_text=_("Calls beyond it are refused with 402."),
        widget=forms.TextInput({"inputmode": "decimal"}),
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.applications = _offer_choice(self, team, _("the whole team"))

    def clean_application(self) -> Application | None:
        return self.applications.get(self.cleaned_data["application"])


class DetailsForm(forms.ModelForm[Team]):
    class Meta:
        model = Team
        fields = ["legal_name", "address", "country", "tax_id", "contact_email"]
        widgets = {"address": forms.Textarea({"rows": 3}), "country": forms.TextInput({"class": "short"})}
        help_texts = {"country": _("Two letters, as DE or US."), "contact_email": _("Invoices name it.")}

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if country and not (country.isascii() and country.isalpha() and len(country) == 2):
            raise ValidationError(_("Two letters, as DE or US."))
        return country
