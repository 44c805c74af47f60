"""Who: people, teams, applications, keys; and what was changed by whom."""

import json
from typing import Any, ClassVar

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apipark import clock
from apipark.columns import badge, itself, linked, moment, neighbour, prose, state
from apipark.model_admin import ConsoleAdmin, ConsoleForm, ConsoleInline, KeptAdmin, ReadOnlyAdmin, ReadOnlyInline
from apipark.verbs import verb
from teams import applications, keys, suspension, wording
from teams.models import ApiKey, Application, AuditEvent, Membership, Team, User
from teams.signed_in import SignedInRequest, came_from


# People --------------------------------------------------------------------------------------------------------------
class UserForm(ConsoleForm[User], UserChangeForm[User]):
    class Meta:
        model = User
        fields = "__all__"


class NewUserForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email",)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class OwnMembershipInline(ReadOnlyInline):
    model = Membership
    fields = (itself(gettext_lazy("membership")), neighbour("team", gettext_lazy("team")), "role")
    readonly_fields = fields


@admin.register(User)
class PersonAdmin(UserAdmin[User], KeptAdmin[User]):
    list_display = (
        "email",
        "name",
        "standing",
        "is_staff",
        "is_superuser",
        moment("last_login", gettext_lazy("signed in")),
    )
    list_filter = ("is_staff", "is_superuser", "is_active", "language")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (gettext_lazy("Person"), {"fields": ("email", "name", ("language", "time_zone"), "password")}),
        (
            gettext_lazy("Rights"),
            {
                "fields": (("is_active", "is_staff", "is_superuser"), "groups", "user_permissions"),
                "description": gettext_lazy("Of the operator's console. Rights in a team come with the membership."),
            },
        ),
        (gettext_lazy("Facts"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((gettext_lazy("Person"), {"fields": ("email", "usable_password", "password1", "password2")}),)
    inlines = (OwnMembershipInline,)
    form = UserForm
    add_form = NewUserForm
    neighbours = ((gettext_lazy("What they changed"), "teams.AuditEvent", "actor__id__exact"),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """The address is what one signs in with, confirmed by a mail: people change it themselves, in the portal.

        Rights are given by superusers alone: whoever may edit people could else give them to themselves.
        """
        rights = () if request.user.is_superuser else ("is_staff", "is_superuser", "groups", "user_permissions")
        return (*super().get_readonly_fields(request, obj), *rights, *(("email",) if obj else ()))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nor does anybody else change the password of a superuser."""
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not above and super().has_change_permission(request, obj)

    @admin.display(description=gettext_lazy("state"), ordering="is_active")
    def standing(self, user: User) -> SafeString:
        return badge("active", _("Active")) if user.is_active else badge("off", _("Locked"))

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's name
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            self.record(request, User.objects.get(pk=id), "password_set", {}, {})
        return response


admin.site.unregister([Group, EmailAddress])


@admin.register(Group)
class OperatorGroupAdmin(GroupAdmin, ConsoleAdmin[Group]):
    """Roles of operators: sets of permissions, one for each verb among them."""


@admin.register(EmailAddress)
class SignInAddressAdmin(EmailAddressAdmin, ConsoleAdmin[EmailAddress]):  # type: ignore[misc]  # allauth has no types
    """allauth's own, with the console's titles."""

    list_select_related = ("user",)


# Teams ---------------------------------------------------------------------------------------------------------------
class MembershipInline(ConsoleInline):
    model = Membership
    fields = ("user", "role")
    autocomplete_fields = ("user",)


class ApplicationInline(ReadOnlyInline):
    model = Application
    fields = (
        itself(gettext_lazy("application")),
        state("environment", gettext_lazy("environment")),
        moment("created_at", gettext_lazy("created")),
    )
    readonly_fields = fields


@admin.register(Team)
class TeamAdmin(KeptAdmin[Team]):
    list_display = (
        "name",
        "standing",
        "country",
        "currency",
        "contact_email",
        moment("created_at", gettext_lazy("since")),
    )
    list_filter = (("suspended_at", admin.EmptyFieldListFilter), "currency", "country")
    search_fields = ("name", "ref", "slug", "contact_email", "legal_name")
    readonly_fields = ("ref", "standing", "suspended_reason", "created_at")
    prepopulated_fields: ClassVar[Any] = {"slug": ("name",)}
    fieldsets = (
        (gettext_lazy("Team"), {"fields": (("name", "slug"), ("contact_email", "support_url"))}),
        (
            gettext_lazy("Money"),
            {
                "fields": (
                    ("currency", "country"),
                    ("legal_name", "tax_id"),
                    "address",
                    "grace_hours",
                    "show_billing_to_keys",
                )
            },
        ),
        (gettext_lazy("Facts"), {"fields": ("ref", "standing", "suspended_reason", "time_zone", "created_at")}),
    )
    inlines = (MembershipInline, ApplicationInline)
    announces = "team"
    verbs = ("suspend", "resume")
    neighbours = (
        (gettext_lazy("Subscriptions"), "billing.Subscription", "team__id__exact"),
        (gettext_lazy("Invoices"), "billing.Invoice", "team__id__exact"),
        (gettext_lazy("Calls"), "proxy.Call", "team"),
        (gettext_lazy("Audit"), "teams.AuditEvent", "team__id__exact"),
    )

    def get_prepopulated_fields(self, request: HttpRequest, obj: Team | None = None) -> Any:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    @admin.display(description=gettext_lazy("state"), ordering="suspended_at")
    def standing(self, team: Team) -> SafeString:
        return badge("suspended", _("Suspended")) if team.suspended_at else badge("active", _("Active"))

    @verb(gettext_lazy("Suspend"), icon="circle-pause")
    def suspend(self, request: SignedInRequest, team: Team, *, reason: str) -> None:
        suspension.suspend(team, actor=request.user, reason=reason, address=came_from(request))

    @suspend.effects
    def suspend_effects(self, team: Team) -> list[str]:
        count = team.applications.count()
        return [
            ngettext(
                "All calls of its %(count)s application are refused with 403 within a second.",
                "All calls of its %(count)s applications are refused with 403 within a second.",
                count,
            )
            % {"count": count},
            _("Invoices and subscriptions go on."),
        ]

    @suspend.hindrance
    def suspend_hindrance(self, team: Team) -> str:
        return _("is suspended already") if team.suspended_at else ""

    @verb(gettext_lazy("Resume"), icon="play")
    def resume(self, request: SignedInRequest, team: Team, *, reason: str) -> None:
        suspension.resume(team, actor=request.user, reason=reason, address=came_from(request))

    @resume.effects
    def resume_effects(self, _team: Team) -> list[str]:
        return [_("Its calls pass again, as its plans allow.")]

    @resume.hindrance
    def resume_hindrance(self, team: Team) -> str:
        return "" if team.suspended_at else _("is not suspended")


@admin.register(Membership)
class MembershipAdmin(ConsoleAdmin[Membership]):
    list_display = (
        "user",
        neighbour("team", gettext_lazy("team")),
        "role",
        moment("created_at", gettext_lazy("since")),
    )
    list_filter = ("role",)
    list_select_related = ("user", "team")
    search_fields = ("user__email", "user__name", "team__name")
    autocomplete_fields = ("user", "team")
    announces = "team"
    team_path = "team"

    def announced(self, row: Membership) -> int:
        return row.team_id


# Applications and keys -----------------------------------------------------------------------------------------------
def _key_state(key: ApiKey) -> SafeString:
    words = {"usable": _("Usable"), "retiring": _("Being replaced"), "expired": _("Expired"), "revoked": _("Revoked")}
    found = key.state(clock.now())
    return badge(found, words[found])


class ApiKeyInline(ReadOnlyInline):
    model = ApiKey
    fields = (
        itself(gettext_lazy("key")),
        "standing",
        moment("last_used_at", gettext_lazy("last used")),
        moment("expires_at", gettext_lazy("expires")),
    )
    readonly_fields = fields

    @admin.display(description=gettext_lazy("state"))
    def standing(self, key: ApiKey) -> SafeString:
        return _key_state(key)


@admin.register(Application)
class ApplicationAdmin(KeptAdmin[Application]):
    list_display = (
        "name",
        neighbour("team", gettext_lazy("team")),
        "standing",
        state("environment", gettext_lazy("environment")),
        moment("created_at", gettext_lazy("created")),
    )
    list_filter = ("environment", ("suspended_at", admin.EmptyFieldListFilter))
    list_select_related = ("team",)
    search_fields = ("name", "ref", "team__name")
    autocomplete_fields = ("team",)
    readonly_fields = ("ref", "standing", "created_by", "created_at")
    fieldsets = (
        (gettext_lazy("Application"), {"fields": ("team", "name", "description", "environment")}),
        (gettext_lazy("Facts"), {"fields": ("ref", "standing", "created_by", "created_at")}),
    )
    inlines = (ApiKeyInline,)
    announces = "application"
    team_path = "team"
    verbs = ("suspend", "resume")
    neighbours = (
        (gettext_lazy("Calls"), "proxy.Call", "application"),
        (gettext_lazy("Subscriptions"), "billing.Subscription", "application__id__exact"),
        (gettext_lazy("Caps"), "billing.Cap", "application__id__exact"),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Application | None = None) -> Any:
        """Keys say in their first letters where they are good, and a team's calls are its own."""
        return (*super().get_readonly_fields(request, obj), *(("team", "environment") if obj else ()))

    @admin.display(description=gettext_lazy("state"), ordering="suspended_at")
    def standing(self, application: Application) -> SafeString:
        return badge("off", _("Switched off")) if application.suspended_at else badge("active", _("Active"))

    @verb(gettext_lazy("Switch off"), icon="power")
    def suspend(self, request: SignedInRequest, application: Application, *, reason: str) -> None:
        applications.suspend(application, actor=request.user, reason=reason, address=came_from(request))

    @suspend.effects
    def suspend_effects(self, _application: Application) -> list[str]:
        return [_("Its keys are refused with 403 within a second."), _("It can be switched on again.")]

    @suspend.hindrance
    def suspend_hindrance(self, application: Application) -> str:
        return _("is switched off already") if application.suspended_at else ""

    @verb(gettext_lazy("Switch on"), icon="play")
    def resume(self, request: SignedInRequest, application: Application, *, reason: str) -> None:
        applications.resume(application, actor=request.user, reason=reason, address=came_from(request))

    @resume.effects
    def resume_effects(self, _application: Application) -> list[str]:
        return [_("Its keys pass again, as its plans allow.")]

    @resume.hindrance
    def resume_hindrance(self, application: Application) -> str:
        return "" if application.suspended_at else _("is not switched off")


@admin.register(ApiKey)
class ApiKeyAdmin(KeptAdmin[ApiKey]):
    """Keys are made in the portal, where the secret is shown once to the person who will use it."""

    list_display = (
        "name",
        "digits",
        neighbour("application", gettext_lazy("application")),
        neighbour("application__team", gettext_lazy("team")),
        "standing",
        moment("last_used_at", gettext_lazy("last used")),
        moment("expires_at", gettext_lazy("expires")),
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "application__environment")
    list_select_related = ("application__team",)
    search_fields = ("name", "ref", "last_four", "prefix", "application__name")
    readonly_fields = (
        "digits",
        "ref",
        "standing",
        neighbour("application", gettext_lazy("application")),
        "scopes",
        "networks",
        "created_by",
        "created_at",
        "last_used_at",
        "revoked_at",
        "successor",
    )
    fieldsets = (
        (gettext_lazy("Key"), {"fields": ("name", "expires_at")}),
        (gettext_lazy("Facts"), {"fields": readonly_fields}),
    )
    announces = "consumer"
    team_path = "application__team"
    verbs = ("revoke",)
    neighbours = (
        (gettext_lazy("Calls"), "proxy.Call", "api_key"),
        (gettext_lazy("Caps"), "billing.Cap", "api_key__id__exact"),
    )

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    @admin.display(description=gettext_lazy("key"))
    def digits(self, key: ApiKey) -> SafeString:
        return format_html("<code>{}…{}</code>", key.prefix, key.last_four)

    @admin.display(description=gettext_lazy("state"))
    def standing(self, key: ApiKey) -> SafeString:
        return _key_state(key)

    @admin.display(description=gettext_lazy("replaced by"))
    def successor(self, key: ApiKey) -> str:
        return linked(key.replaced_by)

    @verb(gettext_lazy("Revoke"), icon="ban", final=True)
    def revoke(self, request: SignedInRequest, key: ApiKey, *, reason: str) -> None:
        keys.revoke(key, actor=request.user, reason=reason, address=came_from(request))

    @revoke.effects
    def revoke_effects(self, key: ApiKey) -> list[str]:
        others = key.application.keys.usable(clock.now()).exclude(pk=key.pk).count()
        return [
            _("Calls with it are refused with 401 within a second."),
            ngettext(
                "Its application has %(count)s other key that works.",
                "Its application has %(count)s other keys that work.",
                others,
            )
            % {"count": others},
        ]

    @revoke.hindrance
    def revoke_hindrance(self, key: ApiKey) -> str:
        return _("is revoked already") if key.state(clock.now()) == "revoked" else ""


# Audit ---------------------------------------------------------------------------------------------------------------
@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    list_display = (
        moment("at", gettext_lazy("when")),
        "actor_name",
        "told",
        "object_name",
        neighbour("team", gettext_lazy("team")),
        prose("reason", gettext_lazy("reason")),
        "address",
    )
    list_display_links = ("told",)
    list_filter = (("at", admin.DateFieldListFilter), "object_kind")
    list_select_related = ("team",)
    search_fields = ("object_name", "object_ref", "actor_name", "action", "reason")
    ordering = ("-id",)
    fieldsets = (
        (
            gettext_lazy("Change"),
            {
                "fields": (
                    "at",
                    "actor_name",
                    "told",
                    "action",
                    "object_kind",
                    "object_name",
                    "object_ref",
                    "reason",
                    "address",
                )
            },
        ),
        (gettext_lazy("Before and after"), {"fields": ("was", "is_now")}),
        (
            gettext_lazy("Chain"),
            {
                "fields": ("chain", "number", "previous_hash", "hash"),
                "description": gettext_lazy("Each event carries the hash of the one before it."),
            },
        ),
    )
    readonly_fields = ("told", "was", "is_now")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return super().get_queryset(request).select_related("actor")

    @admin.display(description=gettext_lazy("what"), ordering="action")
    def told(self, event: AuditEvent) -> str:
        return wording.what(event)

    @admin.display(description=gettext_lazy("before"))
    def was(self, event: AuditEvent) -> str:
        return _json(event.before)

    @admin.display(description=gettext_lazy("after"))
    def is_now(self, event: AuditEvent) -> str:
        return _json(event.after)


def _json(value: object) -> str:
    if not value:
        return "–"
    return format_html('<pre tabindex="0">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))
