"""A verb: one thing an operator does to one or many objects. It says first what will happen, asks why, and only then does it.

    class InvoiceAdmin(ConsoleAdmin[Invoice]):
        verbs = ("void",)

        @verb(_("Void"), icon="ban", final=True)
        def void(self, request, invoice, *, reason): ...       # calls the topic function, which audits; may return a sentence

        @void.effects                                           # what will happen, in sentences
        def void_effects(self, invoice): ...

        @void.hindrance                                         # why it cannot be done now, or ""
        def void_hindrance(self, invoice): ...

It is an action of the list, a button on the object and a page, `…/do/void/?id=7`, that needs no JavaScript. Each verb has a
permission of its own, `billing.void_invoice`, made after each migration from the verbs that exist.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from django import forms
from django.apps import AppConfig
from django.apps import apps as installed
from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_stubs_ext import StrOrPromise

from apipark.needs import verb_url

MOST_AT_ONCE: Final = 100  # each is a transaction within one request
# The narrowest column that keeps a reason: Subscription.approval_note, Correction.reason.
_REASON_CHARACTERS: Final = 200

M = TypeVar("M", bound=Model)
F = TypeVar("F", bound=Callable[..., Any])


class ReasonForm(forms.Form):
    """What every verb asks. A verb with more questions subclasses it; the reason comes last."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=_REASON_CHARACTERS,
        help_text=gettext_lazy("Goes into the audit, with your name and address."),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, objects: Sequence[Model] = (), **options: Any) -> None:
        self.objects = objects
        super().__init__(*args, **options)
        self.order_fields([name for name in self.fields if name != "reason"])


class Verb:
    def __init__(
        self,
        run: Callable[..., str | None],
        label: StrOrPromise,
        *,
        title: StrOrPromise,
        icon: str,
        final: bool,
        form: type[ReasonForm],
        commits_itself: bool,
    ) -> None:
        self.run, self.label, self.title, self.icon, self.final, self.form = run, label, title, icon, final, form
        self.name, self.commits_itself = run.__name__, commits_itself
        self.tell: Callable[..., Sequence[str]] = lambda _admin, _row: []
        self.hinder: Callable[..., str] = lambda _admin, _row: ""

    def effects(self, function: F) -> F:
        self.tell = function
        return function

    def hindrance(self, function: F) -> F:
        self.hinder = function
        return function


def verb(
    label: StrOrPromise,
    *,
    icon: str,
    title: StrOrPromise = "",
    final: bool = False,
    form: type[ReasonForm] = ReasonForm,
    commits_itself: bool = False,
) -> Callable[[Callable[..., str | None]], Verb]:
    """`final` is for what cannot be undone: the button is red and the page says so. `title` is for words that make none.

    `commits_itself` is for topic functions that talk to the world between two transactions of their own.
    """
    return lambda run: Verb(run, label, title=title, icon=icon, final=final, form=form, commits_itself=commits_itself)


class WithVerbs(admin.ModelAdmin[M]):
    """Gives a ModelAdmin its `verbs`: actions, buttons, the page that asks first."""

    verbs: tuple[str, ...] = ()
    change_form_template = "admin/console/change_form.html"

    def all_verbs(self) -> list[Verb]:
        return [getattr(self, name) for name in self.verbs]

    def verbs_of(self, request: HttpRequest) -> list[Verb]:
        return [found for found in self.all_verbs() if self.may(request, found)]

    def may(self, request: HttpRequest, found: Verb) -> bool:
        codename = get_permission_codename(found.name, self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_verb"
        return [path("do/<slug:name>/", self.admin_site.admin_view(self.verb_view), name=name), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[Callable[..., str], str, str] | None]:
        own: dict[str, Any] = {
            found.name: (_ask, found.name, _("%(verb)s…") % {"verb": found.label}) for found in self.verbs_of(request)
        }
        return {**own, **super().get_actions(request)}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        if row := options.get("obj"):
            context["verbs"] = [
                (found, verb_url(row, found.name)) for found in self.verbs_of(request) if not found.hinder(self, row)
            ]
        return super().render_change_form(request, context, *args, **options)

    def verb_view(self, request: HttpRequest, name: str) -> HttpResponse:
        if name not in self.verbs:
            raise Http404
        found: Verb = getattr(self, name)
        if not self.may(request, found):
            raise PermissionDenied
        rows = self._chosen(request)
        hindered = [(row, why) for row in rows if (why := found.hinder(self, row))]
        left_alone = {row for row, _why in hindered}
        ready = [row for row in rows if row not in left_alone]
        form = found.form(request.POST or None, objects=ready)
        if request.method == "POST" and ready and form.is_valid():
            self._do(request, found, ready, form.cleaned_data)
            return redirect(self._back(rows))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": self._title(found, rows),
            "verb": found,
            "form": form,
            "back": self._back(rows),
            "row": rows[0] if len(rows) == 1 else None,
            "hindered": hindered,
            **_preview({row: list(found.tell(self, row)) for row in ready}),
        }
        return TemplateResponse(request, "admin/console/verb.html", context)

    def _chosen(self, request: HttpRequest) -> list[M]:
        try:
            # Cleaned as a field is: what fits no key must not reach the database.
            wanted = [self.opts.pk.clean(text, None) for text in request.GET.getlist("id")[:MOST_AT_ONCE]]
        except ValidationError as error:
            raise Http404 from error
        rows = list(self.get_queryset(request).filter(pk__in=wanted))
        if not rows:
            raise Http404
        return rows

    def _back(self, rows: Sequence[M]) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"{name}_change", args=[rows[0].pk]) if len(rows) == 1 else reverse(f"{name}_changelist")

    def _title(self, found: Verb, rows: Sequence[M]) -> str:
        if len(rows) > 1:
            words = {"verb": found.label, "count": len(rows), "things": self.opts.verbose_name_plural}
            return _("%(verb)s: %(count)s %(things)s") % words
        return str(found.title) or _("%(verb)s: %(object)s") % {"verb": found.label, "object": rows[0]}

    def _do(self, request: HttpRequest, found: Verb, rows: Sequence[M], answers: Mapping[str, Any]) -> None:
        """One transaction an object, so that one that fails does not take the others with it."""
        done, said = 0, ""
        for row in rows:
            try:
                with nullcontext() if found.commits_itself else transaction.atomic():
                    said = str(found.run(self, request, row, **answers) or "")
                    self.log_change(request, row, f"{found.label}: {answers['reason']}")
                done += 1
            except ValidationError as error:
                self.message_user(request, f"{row}: {' '.join(error.messages)}", messages.ERROR)
        if done == 1 and said:
            self.message_user(request, said, messages.SUCCESS)
        elif done:
            words = ngettext("%(verb)s: done.", "%(verb)s: done for %(count)s.", done)
            self.message_user(request, words % {"verb": found.label, "count": done}, messages.SUCCESS)


def _ask(model_admin: WithVerbs[M], request: HttpRequest, rows: QuerySet[M]) -> HttpResponse | None:
    name, ids = request.POST["action"], list(rows.values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    if len(ids) > MOST_AT_ONCE:
        words = _("Choose at most %(count)s at once.") % {"count": MOST_AT_ONCE}
        model_admin.message_user(request, words, messages.ERROR)
        return None
    where = reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_verb", args=[name])
    return redirect(f"{where}?{urlencode({'id': ids}, doseq=True)}")


def _preview(effects: Mapping[M, Sequence[str]]) -> dict[str, object]:
    """What is true of all is said once, the rest beside each."""
    told = list(effects.values())
    shared = [effect for effect in told[0] if all(effect in others for others in told)] if told else []
    ready = [(row, [effect for effect in own if effect not in shared]) for row, own in effects.items()]
    return {"shared": shared, "ready": ready}


def make_permissions(sender: AppConfig, using: str, apps: Any = installed, **_options: Any) -> None:
    """After a migration: the permission of each verb of an app's models, beside Django's own four."""
    # After a flush the signal names no apps.
    try:
        kinds, permissions = apps.get_model("contenttypes", "ContentType"), apps.get_model("auth", "Permission")
    except LookupError:
        return
    for model, model_admin in admin.site._registry.items():  # noqa: SLF001 - the only list there is
        if model._meta.app_label != sender.label or not isinstance(model_admin, WithVerbs) or not model_admin.verbs:
            continue
        kind, _made = kinds.objects.using(using).get_or_create(app_label=sender.label, model=model._meta.model_name)
        known = set(permissions.objects.using(using).filter(content_type=kind).values_list("codename", flat=True))
        for found in model_admin.all_verbs():
            codename = get_permission_codename(found.name, model._meta)
            if codename not in known:
                name = f"Can {found.name.replace('_', ' ')} {model._meta.verbose_name_raw}"
                permissions.objects.using(using).create(content_type=kind, codename=codename, name=name)
