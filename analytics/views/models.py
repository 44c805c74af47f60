"""The models a team may call: a list to search, and a page for each with code to copy."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from analytics import model_health
from apipark import clock, snippets
from apipark.filters import Filter, choices
from billing.model_offers import Ways
from providers import model_catalogue
from providers.models import AiModel
from teams.roles import Action, requires
from teams.signed_in import SignedInRequest


@requires(Action.SEE)
@require_safe
def index(request: SignedInRequest) -> HttpResponse:
    now = clock.now()
    ways = Ways(request.team, model_catalogue.services_of(request.user, request.team), now)
    models = model_catalogue.offered(request.user, request.team)
    chosen = model_catalogue.ModelFilter(request.GET, models, reached=ways.reached)
    valid = chosen.is_valid()
    page = Paginator(chosen.qs if valid else models.none(), model_catalogue.PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    health = model_health.of_models(shown, now)
    return render(
        request,
        "analytics/model_list.html",
        {
            "filter": chosen,
            "page": page,
            "rows": [(row, health[row.model.pk], model_catalogue.capabilities(row.model)) for row in ways.to(shown)],
            "filters": _choices(request, models),
            # A search keeps the filters that are set.
            "kept": [(name, value) for name, value in request.GET.items() if name not in {"q", "page"}],
            "aliases": model_catalogue.aliases(models),
            "narrowed": bool(set(request.GET) - {"page"}),
            "reaches_none": not models.filter(ways.reached).exists(),
        },
        status=200 if valid else 400,
    )


@requires(Action.SEE)
@require_safe
def detail(request: SignedInRequest, ref: str) -> HttpResponse:
    now = clock.now()
    models = model_catalogue.offered(request.user, request.team)
    model = get_object_or_404(models.select_related("provider"), ref=ref)
    (offered,) = Ways(request.team, model_catalogue.services_of(request.user, request.team), now).to([model])
    aliases = [alias for alias, targets in model_catalogue.aliases(models) if targets[0] == model]
    return render(
        request,
        "analytics/model_detail.html",
        {
            "model": model,
            "offered": offered,
            "health": model_health.of_models([model], now)[model.pk],
            "capabilities": model_catalogue.capabilities(model),
            "aliases": aliases,
            "snippets": snippets.of_model(model.name, model.kind),
        },
    )


def _choices(request: SignedInRequest, models: QuerySet[AiModel]) -> list[Filter]:
    return [
        choices(request.GET, "kind", _("Kind"), _("all"), AiModel.Kind.choices),
        choices(request.GET, "capability", _("Can"), _("anything"), model_catalogue.CAPABILITIES),
        choices(request.GET, "vendor", _("Provider"), _("all"), model_catalogue.vendors(models)),
        choices(request.GET, "plan", _("Plan"), _("all"), [("own", _("Yours")), ("other", _("Other"))]),
    ]
