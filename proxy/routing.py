"""Pure: a method and a path to what is asked for. Models are found later, when the body has named one."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from apipark.problems import refuse
from proxy.catalogue import Base, Catalogue, ModelRoute, ServiceRoute, VersionRoute
from proxy.consumers import Consumer

_SERVICE: Final = re.compile(rb"/apis/([a-z0-9][a-z0-9-]{0,39})(?:@([0-9]{1,6}))?(/.*)?$", re.DOTALL)
# Dot segments in any encoding, backslashes, NUL and broken escapes: the client library or the upstream would read
# another path than the one that was authorised.
_HOSTILE: Final = re.compile(rb"/(?:\.|%2e){1,2}(?:/|$)|\\|%5c|%00|%(?![0-9a-f]{2})|[\x00-\x20\x7f]", re.IGNORECASE)

Operation = Literal["chat", "embeddings"]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a path leads."""

    kind: Literal["ai", "models", "standing", "rest"]
    # AI: which of the dialect's operations, and the path under the provider's base URL.
    operation: Operation = "chat"
    upstream_path: str = ""
    # REST: as asked for in the address.
    slug: str = ""
    version: int | None = None
    rest: bytes = b""


_V1: Final = {
    ("POST", b"/v1/chat/completions"): Route("ai", "chat", "/chat/completions"),
    ("POST", b"/v1/embeddings"): Route("ai", "embeddings", "/embeddings"),
    ("GET", b"/v1/models"): Route("models"),
    ("GET", b"/v1/standing"): Route("standing"),
}
_V1_METHODS: Final = {path: method for method, path in _V1}


@dataclass(frozen=True, slots=True)
class RestTarget:
    service: ServiceRoute
    version: VersionRoute
    base: Base


@dataclass(frozen=True, slots=True)
class AiTarget:
    model: ModelRoute
    operation: Operation
    upstream_path: str


def route(method: str, raw_path: bytes) -> Route:
    """Raises a problem for a path that leads nowhere."""
    if raw_path.startswith(b"/v1/"):
        found = _V1.get((method, raw_path))
        if found is not None:
            return found
        if raw_path.startswith(b"/v1/models/") and method == "GET":
            return Route("models", rest=raw_path[len(b"/v1/models/") :])
        if raw_path in _V1_METHODS:
            raise refuse("request-invalid", errors=[{"field": "method", "message": f"Use {_V1_METHODS[raw_path]}."}])
        raise refuse("route-not-found", did_you_mean=[])
    match = _SERVICE.match(raw_path)
    if match is None:
        raise refuse("route-not-found", did_you_mean=[])
    rest = match[3] or b""
    if _HOSTILE.search(rest):
        raise refuse(
            "request-invalid",
            errors=[{"field": "path", "message": "The path holds dot segments, backslashes or broken escapes."}],
        )
    return Route("rest", slug=match[1].decode(), version=int(match[2]) if match[2] else None, rest=rest)


def rest_target(asked: Route, catalogue: Catalogue, consumer: Consumer) -> RestTarget:
    """Raises 404 for what the caller may not know, 410 for a retired version, 503 without a usable upstream."""
    service = catalogue.services.get(asked.slug)
    if service is None or service.kind != "rest" or not service.visible_to(consumer.team_id):
        raise refuse("route-not-found", did_you_mean=_nearest(asked.slug, catalogue, consumer))
    version = service.current if asked.version is None else service.versions.get(asked.version)
    if version is None and asked.version is None and service.versions:
        version = max(service.versions.values(), key=lambda each: each.number)
    if version is None:
        raise refuse("route-not-found", did_you_mean=[])
    if version.state == "retired":
        successor = f"{service.slug}@{service.current.number}" if service.current else None
        raise refuse("version-retired", successor=successor)
    if version.base is None:
        raise refuse("upstream-unavailable", retry_after=30)
    return RestTarget(service, version, version.base)


def visible_models(catalogue: Catalogue, consumer: Consumer) -> list[ModelRoute]:
    """Those of services that the caller's team may see."""
    return [model for model in catalogue.models.values() if _visible(model, consumer)]


def ai_target(asked: Route, name: str, catalogue: Catalogue, consumer: Consumer) -> AiTarget:
    model = catalogue.models.get(name)
    kind = "embedding" if asked.operation == "embeddings" else "chat"
    if model is None or not _visible(model, consumer) or model.kind != kind:
        seen = [each.name for each in visible_models(catalogue, consumer) if each.kind == kind]
        raise refuse("model-not-found", did_you_mean=_near(name, seen))
    return AiTarget(model, asked.operation, asked.upstream_path)


def _visible(model: ModelRoute, consumer: Consumer) -> bool:
    return any(service.visible_to(consumer.team_id) for service, _ in model.offers)


def _nearest(slug: str, catalogue: Catalogue, consumer: Consumer) -> list[str]:
    slugs = [
        each.slug for each in catalogue.services.values() if each.kind == "rest" and each.visible_to(consumer.team_id)
    ]
    return _near(slug, slugs)


def _near(name: str, names: list[str]) -> list[str]:
    """The three that share the longest beginning with it; cheap, and good enough for a typo."""

    def shared(other: str) -> int:
        return next(
            (i for i, (a, b) in enumerate(zip(name, other, strict=False)) if a != b), min(len(name), len(other))
        )

    return sorted(names, key=lambda other: (-shared(other), other))[:3]
