"""Pure: a method and a path to what is asked for. Models are found later, when the body has named one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from apipark.problems import refuse
from proxy.catalogue import Base, Catalogue, Hop, ModelRoute, ServiceRoute, VersionRoute
from proxy.consumers import Consumer

_SERVICE: Final = re.compile(rb"/apis/([a-z0-9][a-z0-9-]{0,39})(?:@([0-9]{1,6}))?(/.*)?$", re.DOTALL)
# Dot segments in any encoding, backslashes, NUL and broken escapes: the client library or the upstream would read
# another path than the one that was authorised.
_HOSTILE: Final = re.compile(rb"/(?:\.|%2e){1,2}(?:/|$)|\\|%5c|%00|%(?![0-9a-f]{2})|[\x00-\x20\x7f]", re.IGNORECASE)

CallerName = Literal["openai", "responses", "anthropic", "gemini"]
Operation = Literal[
    "chat", "completion", "embeddings", "images", "speech", "transcriptions", "moderations", "rerank", "count"
]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a path leads."""

    kind: Literal["ai", "models", "standing", "rest"]
    # AI: the caller's dialect, which of its operations, and the path below /v1 or /v1beta, as it came.
    dialect: str = "openai"
    operation: Operation = "chat"
    path: str = ""
    # REST: as asked for in the address.
    slug: str = ""
    version: int | None = None
    rest: bytes = b""


_V1: Final = {
    ("POST", b"/v1/chat/completions"): Route("ai", "openai", "chat", "/chat/completions"),
    ("POST", b"/v1/completions"): Route("ai", "openai", "completion", "/completions"),
    ("POST", b"/v1/embeddings"): Route("ai", "openai", "embeddings", "/embeddings"),
    ("POST", b"/v1/responses"): Route("ai", "responses", "chat", "/responses"),
    ("POST", b"/v1/messages"): Route("ai", "anthropic", "chat", "/messages"),
    ("POST", b"/v1/messages/count_tokens"): Route("ai", "anthropic", "count", "/messages/count_tokens"),
    ("GET", b"/v1/models"): Route("models", ""),
    ("GET", b"/v1beta/models"): Route("models", "gemini"),
    ("GET", b"/v1/standing"): Route("standing"),
}
_V1_METHODS: Final = {path: method for method, path in _V1}
# Gemini names its model in the path, which may itself hold slashes and colons: the verb stands behind the last one.
_VERB: Final = re.compile(rb"/(?:v1|v1beta)(/models/.+:([A-Za-z]+))$", re.DOTALL)
_VERBS: Final[dict[bytes, Operation]] = {
    b"generateContent": "chat",
    b"streamGenerateContent": "chat",
    b"countTokens": "count",
    b"embedContent": "embeddings",
    b"batchEmbedContents": "embeddings",
}
_ONE_MODEL: Final = re.compile(rb"/(v1|v1beta)/models/(.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RestTarget:
    service: ServiceRoute
    version: VersionRoute
    base: Base


def dialect_of(path: str, headers: Mapping[bytes, bytes]) -> CallerName:
    """Of a gateway path below /v1 or /v1beta: what its caller reads. The model lists tell by their headers (T33)."""
    if path.startswith("/v1beta/") or (path.startswith("/v1/models/") and path.rpartition(":")[2].encode() in _VERBS):
        return "gemini"
    if path.startswith("/v1/messages"):
        return "anthropic"
    if path.startswith("/v1/responses"):
        return "responses"
    if path.startswith("/v1/models"):
        if b"x-goog-api-key" in headers:
            return "gemini"
        return "anthropic" if b"anthropic-version" in headers else "openai"
    return "openai"


def route(method: str, raw_path: bytes) -> Route:
    """Raises a problem for a path that leads nowhere."""
    if raw_path.startswith((b"/v1/", b"/v1beta/")):
        return _V1.get((method, raw_path)) or _ai_route(method, raw_path)
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


def _ai_route(method: str, raw_path: bytes) -> Route:
    if verb := _VERB.match(raw_path):
        operation = _VERBS.get(verb[2])
        if operation is not None and method == "POST":
            return Route("ai", "gemini", operation, verb[1].decode("latin-1"))
        if operation is not None:
            raise refuse("request-invalid", errors=[{"field": "method", "message": "Use POST."}])
    if method == "GET" and (one := _ONE_MODEL.match(raw_path)):
        return Route("models", "gemini" if one[1] == b"v1beta" else "", rest=one[2])
    if raw_path in _V1_METHODS:
        raise refuse("request-invalid", errors=[{"field": "method", "message": f"Use {_V1_METHODS[raw_path]}."}])
    raise refuse("route-not-found", did_you_mean=[])


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


_KINDS: Final[dict[Operation, frozenset[str]]] = {
    "chat": frozenset({"chat"}),
    "count": frozenset({"chat"}),
    "completion": frozenset({"chat", "completion"}),
    "embeddings": frozenset({"embedding"}),
    "images": frozenset({"image", "chat"}),
    "speech": frozenset({"speech"}),
    "transcriptions": frozenset({"transcription"}),
    "moderations": frozenset({"moderation"}),
    "rerank": frozenset({"rerank"}),
}


def ai_hops(operation: Operation, name: str, catalogue: Catalogue, consumer: Consumer) -> tuple[Hop, ...]:
    """Where a call of that model goes, in order. First the whole name, then `provider/model`; an alias is a name too."""
    kinds = _KINDS[operation]
    alias = catalogue.aliases.get(name)
    model = catalogue.models.get(name) or catalogue.qualified.get(name)
    hops = alias.hops if alias else (Hop(model, frozenset()),) if model else ()
    hops = tuple(hop for hop in hops if hop.model.kind in kinds)
    if not hops or not _visible(hops[0].model, consumer):
        names = [each.name for each in visible_models(catalogue, consumer) if each.kind in kinds]
        raise refuse("model-not-found", did_you_mean=_near(name, names))
    return hops


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
