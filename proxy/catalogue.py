"""What can be called, as a worker holds it in memory: services with their callable versions, models, prices, keys.

Loaded whole at start and whenever something in it changed: it is small (thousands of rows), and a call then meets
dictionaries alone.
"""

import sys
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from django.db.models import OuterRef, Q, Subquery

from apipark import clock
from apipark.addresses import AddressRefused, Origin, read_url
from apipark.crypto import CannotOpen
from billing.prices import Price, priced
from providers import profiles, secrets
from providers.dialects.base import Target
from providers.dialects.profile import Auth, ModelFacts, Profile
from providers.models import (
    AiModel,
    FallbackTarget,
    ModelPrice,
    PriceRow,
    Provider,
    ProviderKey,
    Service,
    ServiceVersion,
    VersionState,
    WithheldModel,
)


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
    strict: bool


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
    name: str
    # None when the sealed secret does not open.
    secret: str | None
    priority: int
    weight: int
    max_concurrent: int | None
    # µs since 1970.
    expires_us: int | None
    # Ids of models that the provider does not give to it.
    withheld: frozenset[int]


@dataclass(frozen=True, slots=True)
class DoorRoute:
    """One dialect of a provider: where, and what is sent with every request."""

    base: Base
    auth: Auth
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ProviderRoute:
    id: int
    name: str
    slug: str
    profile: Profile
    # By dialect; those with an address that cannot be used are left out.
    doors: dict[str, DoorRoute]
    # By priority; empty when none works.
    keys: tuple[KeyRoute, ...]


@dataclass(frozen=True, slots=True)
class ModelRoute:
    id: int
    name: str
    upstream_name: str
    kind: str
    facts: ModelFacts
    provider: ProviderRoute
    # `X-AI-Provider` and `X-AI-Model`.
    headers: tuple[tuple[bytes, bytes], ...]
    # (service, version) pairs that offer it.
    offers: tuple[tuple[ServiceRoute, VersionRoute], ...]
    # From when on (µs since 1970), ascending, and the price.
    price_starts: tuple[int, ...]
    prices: tuple[Price, ...]
    # When each ends though no other follows; `_NEVER` for none.
    price_ends: tuple[int, ...]
    # Facts and profile, as codecs take them.
    target: Target = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", Target(self.provider.profile, self.facts))

    def price(self, time_us: int) -> Price | None:
        at = bisect_right(self.price_starts, time_us) - 1
        return self.prices[at] if at >= 0 and time_us < self.price_ends[at] else None

    def price_changes_us(self, time_us: int) -> int:
        """Until when what `price` gives holds."""
        at = bisect_right(self.price_starts, time_us)
        begins = self.price_starts[at] if at < len(self.price_starts) else _NEVER
        ends = self.price_ends[at - 1] if at else _NEVER
        return min(begins, ends) if time_us < ends else begins


@dataclass(frozen=True, slots=True)
class Hop:
    """A further target, and the failures of the one before it that lead there."""

    model: ModelRoute
    reacts_to: frozenset[str]


@dataclass(frozen=True, slots=True)
class AliasRoute:
    name: str
    # The first is the target itself; whoever may call it may call the alias.
    hops: tuple[Hop, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    services: dict[str, ServiceRoute] = field(default_factory=dict)
    # By public name, and by "provider/name at the provider" where that is no public name.
    models: dict[str, ModelRoute] = field(default_factory=dict)
    qualified: dict[str, ModelRoute] = field(default_factory=dict)
    aliases: dict[str, AliasRoute] = field(default_factory=dict)
    # By service id: where a call goes after any of its models failed.
    fallbacks: dict[int, tuple[Hop, ...]] = field(default_factory=dict)


_NEVER: Final = sys.maxsize
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
    by_id = {model.id: model for model in models}
    return Catalogue(
        services={route.slug: route for route in services.values()},
        models={model.name: model for model in models},
        qualified={
            f"{model.provider.slug}/{name}": model for model in models for name in (model.name, model.upstream_name)
        },
        **_chains(by_id),
    )


def _chains(models: dict[int, ModelRoute]) -> dict[str, Any]:
    """Targets that are off are left out; an alias without any is unknown."""
    aliases: defaultdict[str, list[Hop]] = defaultdict(list)
    fallbacks: defaultdict[int, list[Hop]] = defaultdict(list)
    for row in FallbackTarget.objects.select_related("alias").order_by("position", "pk"):
        model = models.get(row.model_id)
        if model is None:
            continue
        hop = Hop(model, frozenset(row.reacts_to))
        if row.alias is not None:
            aliases[row.alias.name].append(hop)
        elif row.service_id is not None:
            fallbacks[row.service_id].append(hop)
    return {
        "aliases": {name: AliasRoute(name, tuple(hops)) for name, hops in aliases.items()},
        "fallbacks": {service: tuple(hops) for service, hops in fallbacks.items()},
    }


def _service(service: Service, versions: list[ServiceVersion]) -> ServiceRoute:
    routes = {
        version.number: VersionRoute(
            version.pk, version.number, version.state, base_of(version.upstream_url), version.strict
        )
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
    rows = AiModel.objects.filter(state=AiModel.State.ON, provider__state=Provider.State.ON)
    providers = _providers()
    prices = _prices()
    return [_model(row, providers[row.provider_id], offers.get(row.pk, []), prices.get(row.pk, [])) for row in rows]


def _providers() -> dict[int, ProviderRoute]:
    withheld: defaultdict[int, set[int]] = defaultdict(set)
    for key_id, model_id in WithheldModel.objects.values_list("key", "model"):
        withheld[key_id].add(model_id)
    keys: defaultdict[int, list[KeyRoute]] = defaultdict(list)
    usable = ProviderKey.objects.filter(state=ProviderKey.State.ACTIVE).select_related("provider")
    for key in usable.prefetch_related("provider__doors").order_by("priority", "pk"):
        keys[key.provider_id].append(_key(key, frozenset(withheld[key.pk])))
    rows = Provider.objects.filter(state=Provider.State.ON).prefetch_related("doors")
    return {row.pk: _provider(row, keys[row.pk]) for row in rows}


def _provider(row: Provider, keys: list[KeyRoute]) -> ProviderRoute:
    profile = profiles.profile_of(row)
    doors = {}
    for door in profile.doors:
        base = base_of(door.base_url)
        if base is not None:
            doors[door.dialect] = DoorRoute(base, door.auth, tuple(door.headers.items()))
    return ProviderRoute(row.pk, row.name, row.slug, profile, doors, tuple(keys))


def _key(row: ProviderKey, withheld: frozenset[int]) -> KeyRoute:
    return KeyRoute(
        id=row.pk,
        name=row.name,
        secret=_secret(row),
        priority=row.priority,
        weight=row.weight,
        max_concurrent=row.max_concurrent,
        expires_us=None if row.expires_at is None else int(row.expires_at.timestamp()) * 1_000_000,
        withheld=withheld,
    )


# (from, until, price), ascending; times in µs since 1970.
_Dated = tuple[int, int, Price]


def _prices() -> dict[int, list[_Dated]]:
    """Those that hold now or later, and the last one before: the history is for the console.

    Plain tuples: half a million rows would be half a gigabyte of model objects.
    """
    now = clock.now()
    newest = ModelPrice.objects.filter(model=OuterRef("model"), effective_from__lte=now).order_by("-effective_from")
    wanted = ModelPrice.objects.filter(Q(effective_from__gt=now) | Q(pk=Subquery(newest.values("pk")[:1])))
    rows: defaultdict[int, list[tuple[str, str, int, int]]] = defaultdict(list)
    found = PriceRow.objects.filter(price__in=wanted).order_by()
    columns = ("price", "variant", "unit", "from_input_tokens", "nano_per_million")
    for price_id, variant, unit, start, nano in found.values_list(*columns):
        rows[price_id].append((variant, unit, start, nano))
    dated: defaultdict[int, list[_Dated]] = defaultdict(list)
    heads = wanted.order_by("effective_from").values_list("pk", "model", "currency", "effective_from", "effective_to")
    for price_id, model_id, currency, begins, ends in heads:
        until = _NEVER if ends is None else int(ends.timestamp()) * 1_000_000
        price = priced(price_id, currency, rows[price_id])
        dated[model_id].append((int(begins.timestamp()) * 1_000_000, until, price))
    return dated


def _model(
    row: AiModel, provider: ProviderRoute, offers: list[tuple[ServiceRoute, VersionRoute]], prices: list[_Dated]
) -> ModelRoute:
    return ModelRoute(
        id=row.pk,
        name=row.name,
        upstream_name=row.upstream_name,
        kind=row.kind,
        facts=ModelFacts(
            name=row.upstream_name,
            inputs=frozenset(row.inputs),
            outputs=frozenset(row.outputs),
            context_tokens=row.context_tokens,
            max_output_tokens=row.max_output_tokens,
            tools=row.tools,
            json_schema=row.json_schema,
            sampling=row.sampling,  # type: ignore[arg-type]  # choices of the column
            efforts=tuple(row.efforts),
            thinking=row.thinking,  # type: ignore[arg-type]  # as above
            chat_tools=row.chat_tools,  # type: ignore[arg-type]  # as above
        ),
        provider=provider,
        headers=((b"x-ai-provider", _header(provider.name)), (b"x-ai-model", _header(row.name))),
        offers=tuple(offers),
        price_starts=tuple(start for start, _, _ in prices),
        price_ends=tuple(until for _, until, _ in prices),
        prices=tuple(price for _, _, price in prices),
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
