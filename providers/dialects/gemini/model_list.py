"""Models as Gemini's clients list them, page by page, and as Google lists its own."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from providers.dialects.base import ListedModel, UnreadableAnswer
from providers.dialects.canonical import BadRequest

# Google's own numbers; above the second it gives that many.
_DEFAULT_SIZE: Final = 50
_MOST: Final = 1_000
_PREFIX: Final = "models/"
# By what the model is for: verbs of its path.
_METHODS: Final = {
    "chat": ["generateContent", "streamGenerateContent", "countTokens"],
    "embedding": ["embedContent", "batchEmbedContents"],
}


# Out -----------------------------------------------------------------------------------------------------------------
def list_models(models: Sequence[ListedModel], query: Mapping[str, list[str]]) -> bytes:
    """One page, in the order given, by `pageSize` and `pageToken`. Raises BadRequest."""
    size, token = (query.get(name, [""])[-1] for name in ("pageSize", "pageToken"))
    if size and not (size.isascii() and size.isdecimal() and len(size) <= len(str(_MOST)) + 1):
        raise BadRequest("/pageSize", f"“pageSize” must be a whole number; a page holds at most {_MOST} models.")
    number = min(int(size or 0) or _DEFAULT_SIZE, _MOST)
    start = _behind(models, token) if token else 0
    page = models[start : start + number]
    content: dict[str, Any] = {"models": [_written(model) for model in page]}
    if start + number < len(models):
        content["nextPageToken"] = base64.urlsafe_b64encode(page[-1].name.encode()).decode()
    return orjson.dumps(content)


def write_model(model: ListedModel) -> bytes:
    return orjson.dumps(_written(model))


def _behind(models: Sequence[ListedModel], token: str) -> int:
    """The token names the last model of the page before."""
    try:
        last = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        last = ""
    place = next((number for number, model in enumerate(models) if model.name == last), None)
    if place is None:
        raise BadRequest("/pageToken", "“pageToken” is not one that was given here; begin without it.")
    return place + 1


def _written(model: ListedModel) -> dict[str, Any]:
    limits = {"inputTokenLimit": model.context_tokens, "outputTokenLimit": model.max_output_tokens}
    return {
        "name": _PREFIX + model.name,
        "displayName": model.name,
        **{name: value for name, value in limits.items() if value is not None},
        "supportedGenerationMethods": _METHODS.get(model.kind, []),
    }


# In ------------------------------------------------------------------------------------------------------------------
def read_models(body: bytes) -> tuple[list[dict[str, Any]], str]:
    """One page of Google's own list: what it says of each model, its `name` without "models/"; and the token of the next
    page, empty at the end. Raises UnreadableAnswer. Vertex names them longer, under `publisherModels`.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableAnswer(f"no JSON: {error}") from error
    listed = content.get("models", content.get("publisherModels", [])) if isinstance(content, dict) else None
    if not isinstance(listed, list) or "error" in content:
        raise UnreadableAnswer("no list of models")
    token = content.get("nextPageToken")
    return [_named(model) for model in listed], token if isinstance(token, str) else ""


def _named(model: Any) -> dict[str, Any]:
    name = model.get("name") if isinstance(model, dict) else None
    if not isinstance(name, str) or not name:
        raise UnreadableAnswer("a model without a name")
    return {**model, "name": name.rpartition(_PREFIX)[2]}
