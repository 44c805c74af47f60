"""The list of models as Anthropic's clients page through it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from providers.dialects.base import ListedModel
from providers.dialects.canonical import BadRequest

_DEFAULT_LIMIT: Final = 20
_MOST: Final = 1_000
# Models have no age here, and the API itself shows the epoch for an age that is not known.
_UNKNOWN_AGE: Final = "1970-01-01T00:00:00Z"


def list_models_for(models: Sequence[ListedModel], query: Mapping[str, list[str]]) -> bytes:
    """By the parameters of an address. Raises BadRequest."""
    after, before, limit = (query.get(name, [""])[-1] for name in ("after_id", "before_id", "limit"))
    if limit and not (limit.isascii() and limit.isdigit()):
        raise BadRequest("/limit", f"“limit” must be a whole number from 1 to {_MOST}.")
    return list_models(models, after, before, int(limit[:5]) if limit else None)


def list_models(
    models: Sequence[ListedModel], after_id: str = "", before_id: str = "", limit: int | None = None
) -> bytes:
    """One page, in the order given: `limit` models behind `after_id`, or just before `before_id`. Raises BadRequest."""
    size = _DEFAULT_LIMIT if limit is None else limit
    if not 1 <= size <= _MOST:
        raise BadRequest("/limit", f"“limit” must be a whole number from 1 to {_MOST}.")
    if after_id and before_id:
        raise BadRequest("/before_id", "Give “after_id” or “before_id”, not both.")
    if before_id:
        end = _place(models, before_id, "before_id")
        start = max(0, end - size)
        more = start > 0
    else:
        start = _place(models, after_id, "after_id") + 1 if after_id else 0
        end = min(len(models), start + size)
        more = end < len(models)
    page = models[start:end]
    return orjson.dumps(
        {
            "data": [_model(model) for model in page],
            "has_more": more,
            "first_id": page[0].name if page else None,
            "last_id": page[-1].name if page else None,
        }
    )


def write_model(model: ListedModel) -> bytes:
    return orjson.dumps(_model(model))


def _place(models: Sequence[ListedModel], name: str, param: str) -> int:
    for place, model in enumerate(models):
        if model.name == name:
            return place
    raise BadRequest(f"/{param}", f"There is no model “{name}”.")


def _model(model: ListedModel) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": _UNKNOWN_AGE,
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
    }
