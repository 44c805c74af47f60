"""The operator's console: navigation, home, search. Everything else is Django's admin, restyled."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark.console_home import home
from apipark.version import version
from teams import audit
from teams.models import Team, User
from teams.signed_in import came_from

_HITS_PER_MODEL: Final = 5
# How old the numbers beside the names in the navigation may be; what is done in this process is seen at once.
_WAITING_S: Final = 10.0

# A registered model that is missing here lands in a group named after its app.
_MENU: Final[Sequence[tuple[Promise, Mapping[str, str]]]] = (
    (
        gettext_lazy("Who"),
        {
            "teams.Team": "building-2",
            "teams.User": "user",
            "teams.Membership": "users",
            "auth.Group": "users",
            "account.EmailAddress": "mail",
            "teams.Application": "app-window",
            "teams.ApiKey": "key-round",
        },
    ),
    (
        gettext_lazy("What can be called"),
        {
            "providers.Provider": "plug",
            "providers.ProviderKey": "key-round",
            "providers.AiModel": "cpu",
            "providers.Service": "package",
            "providers.ServiceVersion": "git-branch",
        },
    ),
    (
        gettext_lazy("Money"),
        {
            "billing.Plan": "layers",
            "billing.PlanVersion": "file-text",
            "billing.Subscription": "repeat",
            "billing.Invoice": "receipt-text",
            "billing.PaymentAttempt": "credit-card",
            "billing.PaymentMethod": "credit-card",
            "billing.Allowance": "gauge",
            "billing.Cap": "ban",
            "billing.Lease": "box",
            "billing.Correction": "undo-2",
        },
    ),
    (
        gettext_lazy("Calls"),
        {"proxy.Call": "list", "analytics.CallRollup": "chart-line", "proxy.Spool": "box", "proxy.DeadLetter": "inbox"},
    ),
    (gettext_lazy("Installation"), {"teams.AuditEvent": "history", "apipark.TestClock": "fast-forward"}),
)


class ConsoleSite(admin.AdminSite):
    site_title = "APIPark"
    site_header = "APIPark"
    index_title = gettext_lazy("Home")
    empty_value_display = "–"
    index_template = "admin/console/home.html"
    app_index_template = "admin/console/app_index.html"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._waiting: dict[type[Model], tuple[float, int]] = {}

    # People sign in where everybody does: one page, one limit on guesses.
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        signed_in: Callable[..., HttpResponse] = secure_admin_login(super().login)
        return signed_in(request, extra_context)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        available = context["available_apps"]
        # Called by the template that draws it, so that a page without navigation (a popup) asks nothing.
        return {**context, "menu": lambda: list(self._menu(request, available)), "version": version()}

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        inner = super().admin_view(view, cacheable)

        def watched(request: HttpRequest, *args: Any, **options: Any) -> Any:
            if request.method == "POST":
                self._waiting.clear()
            return inner(request, *args, **options)

        return watched

    def record(
        self,
        request: HttpRequest,
        row: Model,
        action: str,
        team_path: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        """A change made in a form. What a verb does is recorded by its own function, with its reason."""
        actor = request.user if isinstance(request.user, User) else None
        address = came_from(request)
        team = _team_of(row, team_path)
        audit.record(team=team, actor=actor, action=action, target=row, before=before, after=after, address=address)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, home(request) | (extra_context or {}))

    # Navigation ------------------------------------------------------------------------------------------------------
    def _menu(self, request: HttpRequest, available: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """The models this person may see, in groups, each with its icon and the number of things that wait."""
        models = {
            model["model"]._meta.label: {**model, "app": app["name"]} for app in available for model in app["models"]
        }
        for title, icons in _MENU:
            found = [(models.pop(label), icon) for label, icon in icons.items() if label in models]
            if found:
                yield {"title": title, "links": [self._link(request, model, icon) for model, icon in found]}
        for model in models.values():
            yield {"title": model["app"], "links": [self._link(request, model, "box")]}

    def _link(self, request: HttpRequest, model: Mapping[str, Any], icon: str) -> dict[str, Any]:
        url = model["admin_url"]
        return {
            "name": model["name"],
            "url": url,
            "add_url": model["add_url"],
            "icon": icon,
            "waiting": self._count_waiting(request, model["model"]),
            "current": bool(url) and request.path.startswith(url),
        }

    def _count_waiting(self, request: HttpRequest, model: type[Model]) -> int:
        ask = getattr(self.get_model_admin(model), "waiting", None)
        if ask is None:
            return 0
        counted_at, count = self._waiting.get(model, (0.0, 0))
        if time.monotonic() - counted_at > _WAITING_S or not counted_at:
            count = int(ask(request))
            self._waiting[model] = (time.monotonic(), count)
        return count

    # Search ----------------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [path("search/", self.admin_view(self.search), name="search"), *super().get_urls()]

    def search(self, request: HttpRequest) -> HttpResponse:
        """Every model's own `search_fields`; the only hit, or the only one of that very name, is opened at once."""
        term = request.GET.get("q", "").replace("\x00", "").strip()
        groups = list(self._found(request, term)) if term else []
        hits = [hit for group in groups for hit in group["hits"]]
        exact = [hit for hit in hits if hit["text"] == term] or hits
        if len(exact) == 1:
            return redirect(exact[0]["url"])
        title = _("Found: %(term)s") % {"term": term} if term else _("Search")
        context = {**self.each_context(request), "title": title, "term": term, "groups": groups}
        return TemplateResponse(request, "admin/console/search.html", context)

    def _found(self, request: HttpRequest, term: str) -> Iterator[dict[str, Any]]:
        for model, model_admin in self._registry.items():
            if not model_admin.get_search_fields(request) or not model_admin.has_view_permission(request):
                continue
            found, duplicates = model_admin.get_search_results(request, model_admin.get_queryset(request), term)
            rows = list((found.distinct() if duplicates else found)[: _HITS_PER_MODEL + 1])
            if rows:
                name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
                yield {
                    "title": model._meta.verbose_name_plural,
                    "hits": [
                        {"text": str(row), "url": reverse(f"{name}_change", args=[row.pk])}
                        for row in rows[:_HITS_PER_MODEL]
                    ],
                    "all_url": f"{reverse(f'{name}_changelist')}?{urlencode({'q': term})}"
                    if len(rows) > _HITS_PER_MODEL
                    else "",
                }


def _team_of(row: Model, team_path: str) -> Team | None:
    value: Any = row
    for name in team_path.split("__") if team_path else ():
        value = getattr(value, name) if value is not None else None
    return value if team_path or isinstance(value, Team) else None
