"""Keys at providers: their secrets are sealed, tested, replaced, and never shown."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apipark.columns import badge, moment, neighbour, number, state
from apipark.model_admin import ConsoleForm, KeptAdmin
from apipark.templatetags.portal import NOTHING, ago, count, duration
from apipark.verbs import ReasonForm, verb
from providers import probing, profiles, secrets
from providers.admin.addresses import host_of
from providers.dialects import listings
from providers.models import ProviderKey
from teams.signed_in import SignedInRequest, came_from

_SECRET = forms.PasswordInput(attrs={"class": "input mono", "autocomplete": "new-password", "spellcheck": "false"})


class NewProviderKeyForm(ConsoleForm[ProviderKey]):
    secret = forms.CharField(
        label=gettext_lazy("Secret"),
        max_length=4000,
        validators=[secrets.check],
        help_text=gettext_lazy("Sealed at once, bound to the provider's host, never shown again."),
        widget=_SECRET,
    )


class SecretForm(ReasonForm):
    secret = forms.CharField(
        label=gettext_lazy("New secret"), max_length=4000, validators=[secrets.check], widget=_SECRET
    )


_PROVIDER = neighbour("provider", gettext_lazy("provider"))


@admin.register(ProviderKey)
class ProviderKeyAdmin(KeptAdmin[ProviderKey]):
    list_display = (
        "name",
        "digits",
        neighbour("provider", gettext_lazy("provider")),
        state("state", gettext_lazy("state"), why="state_reason"),
        moment("state_since", gettext_lazy("since")),
        "last_test",
        number("priority", gettext_lazy("priority"), count),
    )
    list_filter = ("state", "provider")
    list_select_related = ("provider",)
    search_fields = ("name", "ref", "last_four", "provider__name")
    autocomplete_fields = ("provider",)
    readonly_fields = (
        "digits",
        "ref",
        state("state", gettext_lazy("state"), why="state_reason"),
        moment("state_since", gettext_lazy("since")),
        "last_test",
        number("probe_models", gettext_lazy("models found"), count),
        number("probe_ms", gettext_lazy("took"), duration),
    )
    announces = "catalogue"
    verbs = ("test", "replace_secret", "disable", "enable")
    neighbours = ((gettext_lazy("Calls"), "proxy.Call", "provider_key"),)

    def get_fieldsets(self, _request: HttpRequest, obj: ProviderKey | None = None) -> Any:
        if obj is None:
            return (
                (
                    gettext_lazy("Key"),
                    {
                        "fields": (
                            "provider",
                            "name",
                            "secret",
                            ("priority", "weight"),
                            ("max_concurrent", "expires_at"),
                        )
                    },
                ),
            )
        return (
            (gettext_lazy("Key"), {"fields": ("name", ("priority", "weight"), ("max_concurrent", "expires_at"))}),
            (
                gettext_lazy("Facts"),
                {
                    "fields": (_PROVIDER, *self.readonly_fields),
                    "description": gettext_lazy("The secret is sealed and shown to nobody; it can be replaced."),
                },
            ),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderKey | None = None) -> Any:
        own = super().get_readonly_fields(request, obj)
        return (_PROVIDER, *own) if obj else own

    def get_form(self, request: HttpRequest, obj: ProviderKey | None = None, *args: Any, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewProviderKeyForm
        return super().get_form(request, obj, *args, **options)

    def save_model(self, request: HttpRequest, obj: ProviderKey, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        if change:
            super().save_model(request, obj, form, change)
        else:
            secrets.store(obj, form.cleaned_data["secret"])

    def waiting(self, _request: HttpRequest) -> int:
        out = (ProviderKey.State.INVALID, ProviderKey.State.EXHAUSTED)
        return ProviderKey.objects.filter(state__in=out).count()

    @admin.display(description=gettext_lazy("secret"), ordering="last_four")
    def digits(self, key: ProviderKey) -> SafeString:
        return format_html("<code>…{}</code>", key.last_four)

    @admin.display(description=gettext_lazy("last test"), ordering="probed_at")
    def last_test(self, key: ProviderKey) -> SafeString | str:
        if key.probed_at is None:
            return NOTHING
        mark = badge("failed", _("Failed")) if key.probe_trouble else badge("succeeded", _("Passed"))
        why = format_html('<small class="why">{}</small>', key.probe_trouble) if key.probe_trouble else ""
        return format_html("{} {}{}", mark, ago(key.probed_at), why)

    @verb(gettext_lazy("Test"), title=gettext_lazy("Test the connection"), icon="plug-zap", commits_itself=True)
    def test(self, request: SignedInRequest, key: ProviderKey, *, reason: str) -> str:
        verdict = probing.check(key, actor=request.user, reason=reason, address=came_from(request))
        if verdict.trouble:
            raise ValidationError(str(verdict))
        return str(verdict)

    @test.effects
    def test_effects(self, key: ProviderKey) -> list[str]:
        profile = profiles.profile_of(key.provider)
        door = listings.listing_door(profile)
        asked = (
            _("%(url)s is asked for its list of models, with this key. That costs nothing.")
            % {"url": listings.page_url(profile, door)}
            if door
            else _("Nothing is asked: this provider has no list of models that this key opens.")
        )
        return [
            asked,
            _("A key that the provider does not know goes out of use; one that it takes again is used again."),
            _("A key that is off stays off."),
        ]

    @verb(gettext_lazy("Replace secret"), icon="rotate-cw", form=SecretForm)
    def replace_secret(self, request: SignedInRequest, key: ProviderKey, *, secret: str, reason: str) -> None:
        address = came_from(request)
        secrets.replace(key, secret, actor=request.user, reason=reason, address=address)

    @replace_secret.effects
    def replace_secret_effects(self, key: ProviderKey) -> list[str]:
        urls = [key.provider.base_url, *(door.base_url for door in key.provider.doors.all())]
        hosts = ", ".join(sorted({host_of(url) for url in urls}))
        return [
            _("New calls carry the new secret within a second; calls under way end with the old one."),
            _("It is sealed for %(hosts)s and opens for no other address.") % {"hosts": hosts},
            _("The key is in use from then on, whatever it was before."),
        ]

    @verb(gettext_lazy("Disable"), icon="ban")
    def disable(self, request: SignedInRequest, key: ProviderKey, *, reason: str) -> None:
        secrets.disable(key, actor=request.user, reason=reason, address=came_from(request))

    @disable.effects
    def disable_effects(self, key: ProviderKey) -> list[str]:
        left = key.provider.keys.filter(state=ProviderKey.State.ACTIVE).exclude(pk=key.pk).count()
        words = {"provider": key.provider, "count": left}
        after = (
            ngettext(
                "%(provider)s goes on with %(count)s other key.",
                "%(provider)s goes on with %(count)s other keys.",
                left,
            )
            if left
            else _("%(provider)s has no other key: its models answer 503.")
        )
        return [_("New calls stop using this key within a second."), after % words, _("It can be enabled again.")]

    @disable.hindrance
    def disable_hindrance(self, key: ProviderKey) -> str:
        return _("is off already") if key.state == ProviderKey.State.DISABLED else ""

    @verb(gettext_lazy("Enable"), icon="play")
    def enable(self, request: SignedInRequest, key: ProviderKey, *, reason: str) -> None:
        secrets.enable(key, actor=request.user, reason=reason, address=came_from(request))

    @enable.effects
    def enable_effects(self, _key: ProviderKey) -> list[str]:
        return [_("It is used again within a second, in its place of the order.")]

    @enable.hindrance
    def enable_hindrance(self, key: ProviderKey) -> str:
        if key.state == ProviderKey.State.ACTIVE:
            return _("is in use already")
        return "" if secrets.opens(key) else _("was sealed for another host: replace its secret")
