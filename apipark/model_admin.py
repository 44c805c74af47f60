"""What every ModelAdmin of the console shares. Each change made in a form is recorded and told to the gateway's workers
in its own transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from apipark import changes
from apipark.fields import RowsField
from apipark.verbs import WithVerbs

M = TypeVar("M", bound=Model)
# Never written down, whatever the form is.
_SECRET_FIELDS = frozenset({"password", "password1", "password2", "usable_password", "secret"})
# In one table of one form: more than anybody types before saving.
_MOST_NEW_ROWS: Final = 25


class _Picker(AutocompleteSelect):
    """What was sent as a choice and cannot be one is shown as no choice; Django would fail on it."""

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        return super().optgroups(name, _possible(self.field, value), attr)


class _Pickers(AutocompleteSelectMultiple):
    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        return super().optgroups(name, _possible(self.field, value), attr)


def _possible(field: Any, values: Iterable[Any]) -> list[Any]:
    key = field.remote_field.model._meta.pk

    def fits(text: Any) -> bool:
        try:
            key.clean(text, None)
        except ValidationError:
            return False
        return True

    return [text for text in values if fits(text)]


class WithPickers:
    """Rows are picked by searching where `autocomplete_fields` says so."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        here: Any = self
        if db_field.name in here.get_autocomplete_fields(request):
            options.setdefault("widget", _Picker(db_field, here.admin_site, using=options.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **options)  # type: ignore[misc]  # mixed into admins

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        here: Any = self
        if db_field.name in here.get_autocomplete_fields(request):
            options.setdefault("widget", _Pickers(db_field, here.admin_site, using=options.get("using")))
        options.setdefault("form_class", RowsField)
        return super().formfield_for_manytomany(db_field, request, **options)  # type: ignore[misc]  # as above


class ConsoleForm(forms.ModelForm[M]):
    """Labels without a colon, as in the portal."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **options})


class ConsoleAdmin(WithPickers, WithVerbs[M]):
    """`waiting(request)`, where defined, is the number shown beside its name in the navigation."""

    form: Any = ConsoleForm
    formfield_overrides: ClassVar[Any] = {
        models.URLField: {"widget": forms.URLInput(attrs={"class": "vURLField"}), "assume_scheme": "https"}
    }
    list_per_page = 50
    show_full_result_count = False
    # What workers hold in memory of these rows; see apipark/changes.py.
    announces: changes.Kind | None = None
    # From a row to its team: "application__team"; "" for what belongs to no team.
    team_path = ""
    # Lists of what hangs on a row: label, model, and the field there that names the row.
    neighbours: tuple[tuple[StrOrPromise, str, str], ...] = ()

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **options: Any
    ) -> forms.Field | None:
        """Date and time of one field are two inputs under one label: each says which it is."""
        field = super().formfield_for_dbfield(db_field, request, **options)
        parts = getattr(getattr(field, "widget", None), "widgets", ())
        for part, name in zip(parts, (_("date"), _("time")), strict=False):
            part.attrs["aria-label"] = f"{capfirst(str(field.label))}, {name}" if field else name
        return field

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """A number that no column can hold is a wrong filter, on SQLite too."""
        try:
            return super().get_changelist_instance(request)
        except OverflowError as error:
            raise IncorrectLookupParameters from error

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The title says what the list holds, not "Select … to change"."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """The title is the object's name; its kind is in the breadcrumb. Adding another is offered where one adds."""
        if row := options.get("obj"):
            context |= {"title": str(row), "subtitle": None, "show_save_and_add_another": False}
            context["neighbours"] = list(self._neighbours(request, row))
            context["history_url"] = self._history_url(request, row)
        return super().render_change_form(request, context, *args, **options)

    def _neighbours(self, request: HttpRequest, row: M) -> Iterator[tuple[StrOrPromise, str]]:
        for label, model, field in self.neighbours:
            app_label, model_name = model.lower().split(".")
            if request.user.has_perm(f"{app_label}.view_{model_name}"):
                try:
                    url = reverse(f"admin:{app_label}_{model_name}_changelist")
                except NoReverseMatch:
                    continue
                yield label, f"{url}?{urlencode({field: row.pk})}"

    def _history_url(self, request: HttpRequest, row: M) -> str:
        """All that was recorded of it, by verbs and in the portal too: Django's own log knows only forms."""
        if not request.user.has_perm("teams.view_auditevent"):
            return ""
        found = urlencode({"object_kind": self.opts.model_name, "object_ref": getattr(row, "ref", row.pk)})
        try:
            return f"{reverse('admin:teams_auditevent_changelist')}?{found}"
        except NoReverseMatch:
            return ""

    # Changes ---------------------------------------------------------------------------------------------------------
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        super().save_related(request, form, formsets, change)
        before, after = _differences(form, formsets)
        if change and not before and not after:
            return
        self.record(request, form.instance, "changed" if change else "added", before, after)

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        self.record(request, obj, "deleted", _facts(obj), {})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        for row in queryset:
            self.record(request, row, "deleted", _facts(row), {})
        super().delete_queryset(request, queryset)

    def record(
        self, request: HttpRequest, row: M, action: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Into the audit, and to the workers. Within the transaction of the change."""
        # The site lies above all apps and knows the audit; a leaf may not.
        site: Any = self.admin_site
        site.record(request, row, f"{self.opts.model_name}.{action}", self.team_path, before, after)
        if self.announces:
            changes.announce(self.announces, 0 if self.announces == "catalogue" else self.announced(row))

    def announced(self, row: M) -> int:
        """The id that workers know it by."""
        return int(row.pk)


class KeptAdmin(ConsoleAdmin[M]):
    """For what calls name by a plain number: it is switched off, revoked or ended, and never deleted."""

    def has_delete_permission(self, _request: HttpRequest, _obj: M | None = None) -> bool:
        return False


class ReadOnlyAdmin(ConsoleAdmin[M]):
    """For what is only ever written by the product: calls, ledger, audit."""

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: M | None = None) -> bool:
        return False


class UncountedPaginator(Paginator[M]):
    """Counts as far as somebody would leaf through: a table of many millions is never counted."""

    MOST = 5_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return len(rows) if isinstance(rows, list) else int(rows.order_by()[: self.MOST].count())


class BigTableAdmin(ReadOnlyAdmin[M]):
    """For tables of many millions: in the order of their key, never counted, not even for the filters."""

    ordering = ("-id",)
    sortable_by = ()
    paginator = UncountedPaginator
    show_facets = admin.ShowFacets.NEVER


# Inlines -------------------------------------------------------------------------------------------------------------
class RowsFormSet(forms.BaseInlineFormSet[Any, Any, Any]):
    """The rows that exist and some new ones, however many were announced: each costs milliseconds, sent or not.

    The cells of an inline table have no labels in stock Django: here each control says the name of its column.
    """

    default_error_messages: ClassVar[Any] = {
        "too_many_forms": gettext_lazy("At most %(num)d rows can be sent at once.")
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.max_num = self.absolute_max = len(self.get_queryset()) + _MOST_NEW_ROWS

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        for field in form.fields.values():
            widget = getattr(field.widget, "widget", field.widget)
            widget.attrs["aria-label"] = capfirst(str(field.label or ""))


class ConsoleInline(WithPickers, admin.TabularInline[Any, Any]):
    extra = 0
    formset = RowsFormSet


class AppendOnlyInline(ConsoleInline):
    """New rows may be added; those that exist are shown and stay."""

    can_delete = False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False


class ReadOnlyInline(AppendOnlyInline):
    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False


# Before and after ----------------------------------------------------------------------------------------------------
def _differences(form: Any, formsets: Iterable[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in form.changed_data:
        if name not in _SECRET_FIELDS:
            before[name] = _plain(form.initial.get(name))
            after[name] = _plain(form.cleaned_data.get(name))
    for formset in formsets:
        name = str(formset.model._meta.model_name)
        gone = [str(row) for row in formset.deleted_objects]
        new = [str(row) for row in formset.new_objects] + [str(row) for row, _fields in formset.changed_objects]
        if gone:
            before[name] = gone
        if new:
            after[name] = new
    return before, after


def _facts(row: Model) -> dict[str, Any]:
    return {field.name: _plain(field.value_from_object(row)) for field in row._meta.fields if field.editable}


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return str(value)
    if isinstance(value, QuerySet | Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value
