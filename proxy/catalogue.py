"""What can be called, as a worker holds it in memory: services with their callable versions, models, prices, keys.

Loaded whole at start and whenever something in it changed: it is small (thousands of rows), and a call then meets
dictionaries alone.
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

from apipark.addresses import AddressRefused, Origin, read_url
from apipark.crypto import CannotOpen
from billing.prices import TokenPrice
from providers import secrets
from providers.models import AiModel, ModelPrice, Provider, ProviderKey, Service, ServiceVersion, VersionState


@dataclass(frozen=True, slots=True)
class Base:
    """An upstream's address: `url` without its last slash, `path` the part of it behind the host."""

    origin: Origin
    url: str
    path: str


@dataclass(frozen=True, slots=True)
class VersionRoute:
    id: int
    number: int
    state: str
    base: Base | None


@dataclass(frozen=True, slots=True)
class ServiceRoute:
    id: int
    ref: str
    slug: str
    name: str
    kind: str
    team_id: int
    team_ref: str
    public: bool
    # By number: published, deprecated and retired ones.
    versions: dict[int, VersionRoute]
    # The published one, else the newest deprecated one.
    current: VersionRoute | None

    def visible_to(self, team_id: int) -> bool:
        return self.public or self.team_id == team_id


@dataclass(frozen=True, slots=True)
class KeyRoute:
    id: int
    # None when the sealed secret does not open.
    secret: str | None


@dataclass(frozen=True, slots=True)
class ModelRoute:
    id: int
    name: str
    upstream_name: str
    kind: str
    max_output_tokens: int | None
    provider_name: str
    # `X-AI-Provider` and `X-AI-Model`.
    headers: tuple[tuple[bytes, bytes], ...]
    base: Base | None
    # Best first; empty when none works.
    keys: tuple[KeyRoute, ...]
    # (service, version) pairs that offer it.
    offers: tuple[tuple[ServiceRoute, VersionRoute], ...]
    # From when on (µs since 1970), ascending, and the price.
    price_starts: tuple[int, ...]
    prices: tuple[TokenPrice, ...]

    def price(self, time_us: int) -> TokenPrice | None:
        at = bisect_right(self.price_starts, time_us) - 1
        return self.prices[at] if at >= 0 else None


@dataclass(frozen=True, slots=True)
class Catalogue:
    services: dict[str, ServiceRoute] = field(default_factory=dict)
    models: dict[str, ModelRoute] = field(default_factory=dict)


_SHOWN: Final = (VersionState.PUBLISHED, VersionState.DEPRECATED, VersionState.RETIRED)


def load() -> Catalogue:
    """Blocks on the database: called on the worker's look-up thread."""
    services: dict[int, ServiceRoute] = {}
    offers: defaultdict[int, list[tuple[ServiceRoute, VersionRoute]]] = defaultdict(list)
    versions = ServiceVersion.objects.filter(state__in=_SHOWN).prefetch_related("ai_models").order_by("number")
    by_service: defaultdict[int, list[ServiceVersion]] = defaultdict(list)
    for version in versions:
        by_service[version.service_id].append(version)
    for service in Service.objects.select_related("team").filter(pk__in=by_service):
        route = _service(service, by_service[service.pk])
        services[service.pk] = route
        if route.current:
            current = next(version for version in by_service[service.pk] if version.pk == route.current.id)
            for model in current.ai_models.all():
                offers[model.pk].append((route, route.current))
    models = _models(offers)
    return Catalogue({route.slug: route for route in services.values()}, {model.name: model for model in models})


def _service(service: Service, versions: list[ServiceVersion]) -> ServiceRoute:
    routes = {
        version.number: VersionRoute(version.pk, version.number, version.state, base_of(version.upstream_url))
        for version in versions
    }
    callable_ones = [route for route in routes.values() if route.state != VersionState.RETIRED]
    published = [route for route in callable_ones if route.state == VersionState.PUBLISHED]
    return ServiceRoute(
        id=service.pk,
        ref=service.ref,
        slug=service.slug,
        name=service.name,
        kind=service.kind,
        team_id=service.team_id,
        team_ref=service.team.ref,
        public=service.visibility == Service.Visibility.PUBLIC,
        versions=routes,
        current=next(iter(published or callable_ones[::-1]), None),
    )


def _models(offers: dict[int, list[tuple[ServiceRoute, VersionRoute]]]) -> list[ModelRoute]:
    prices: defaultdict[int, list[ModelPrice]] = defaultdict(list)
    for price in ModelPrice.objects.order_by("effective_from"):
        prices[price.model_id].append(price)
    keys: defaultdict[int, list[KeyRoute]] = defaultdict(list)
    for key in ProviderKey.objects.filter(state=ProviderKey.State.ACTIVE).select_related("provider"):
        keys[key.provider_id].append(KeyRoute(key.pk, _secret(key)))
    rows = AiModel.objects.filter(state=AiModel.State.ON, provider__state=Provider.State.ON).select_related("provider")
    return [_model(row, offers.get(row.pk, []), prices[row.pk], keys[row.provider_id]) for row in rows]


def _model(
    row: AiModel,
    offers: list[tuple[ServiceRoute, VersionRoute]],
    prices: list[ModelPrice],
    keys: list[KeyRoute],
) -> ModelRoute:
    return ModelRoute(
        id=row.pk,
        name=row.name,
        upstream_name=row.upstream_name,
        kind=row.kind,
        max_output_tokens=row.max_output_tokens,
        provider_name=row.provider.name,
        headers=((b"x-ai-provider", _header(row.provider.name)), (b"x-ai-model", _header(row.name))),
        base=base_of(row.provider.base_url),
        keys=tuple(keys),
        offers=tuple(offers),
        price_starts=tuple(int(price.effective_from.timestamp()) * 1_000_000 for price in prices),
        prices=tuple(
            TokenPrice(price.pk, price.currency, price.input_nano, price.cached_input_nano, price.output_nano)
            for price in prices
        ),
    )


def _header(text: str) -> bytes:
    """Names are people's text: what does not fit into a header is percent-encoded."""
    return quote(text, safe=" !#$&'()*+,/:;=?@[]").encode("ascii")


def _secret(key: ProviderKey) -> str | None:
    try:
        return secrets.reveal(key)
    except CannotOpen:
        return None


def base_of(url: str) -> Base | None:
    """None for an empty or unusable address: such a target answers 503."""
    if not url:
        return None
    try:
        origin = read_url(url)
    except AddressRefused:
        return None
    return Base(origin, url.rstrip("/"), urlsplit(url).path.rstrip("/"))
