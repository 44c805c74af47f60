from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apipark import snippets
from apipark.filters import choices
from providers import catalogue
from providers.models import AiModel, Service, ServiceVersion
from teams.roles import Action, requires
from teams.signed_in import PersonRequest


@requires(Action.BROWSE)
@require_safe
def index(request: PersonRequest) -> HttpResponse:
    chosen = catalogue.ServiceFilter(request.GET, person=request.user)
    valid = chosen.is_valid()
    page = Paginator(chosen.qs if valid else Service.objects.none(), catalogue.PAGE).get_page(request.GET.get("page"))
    found = catalogue.categories(request.user)
    return render(
        request,
        "providers/service_list.html",
        {
            "filter": chosen,
            "page": page,
            "kinds": choices(request.GET, "kind", _("Kind"), _("All"), Service.Kind.choices),
            "categories": choices(request.GET, "category", _("Category"), _("all"), [(name, name) for name in found]),
            "narrowed": bool(set(request.GET) - {"page"}),
        },
        status=200 if valid else 400,
    )


@requires(Action.BROWSE, of=Service.objects.visible_to, by="slug")
@require_safe
def detail(request: PersonRequest, service: Service) -> HttpResponse:
    own = any(membership.team_id == service.team_id for membership in request.memberships)
    versions = catalogue.versions_shown(service, own=own)
    version = catalogue.current(versions)
    return render(
        request,
        "providers/service_detail.html",
        {
            "service": service,
            "versions": versions,
            "version": version,
            "snippets": _code(service, version) if version else (),
        },
    )


def _code(service: Service, version: ServiceVersion) -> snippets.Snippets:
    if service.kind == Service.Kind.REST:
        return snippets.rest(service.slug)
    chat = (model.name for model in version.ai_models.all() if model.kind == AiModel.Kind.CHAT)
    return snippets.chat(next(chat, None))
