"""The list of models as Anthropic's clients page through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from providers.dialects.canonical import BadRequest

_DEFAULT_LIMIT: Final = 20
_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class ListedModel:
    id: str
    name: str = ""
    # Seconds since 1970; 0 where it is not known, which is what the API itself says then.
    created: int = 0
    context_tokens: int | None = None
    max_output_tokens: int | None = None


def list_models(
    models: Sequence[ListedModel], after_id: str | None = None, before_id: str | None = None, limit: int | None = None
) -> bytes:
    """One page, in the order given: `limit` models behind `after_id`, or just before `before_id`. Raises BadRequest."""
    size = _DEFAULT_LIMIT if limit is None else limit
    if not 1 <= size <= _MOST:
        raise BadRequest("/limit", f"“limit” must be from 1 to {_MOST}.")
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
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }
    )


def write_model(model: ListedModel) -> bytes:
    return orjson.dumps(_model(model))


def _place(models: Sequence[ListedModel], id_: str, name: str) -> int:
    for place, model in enumerate(models):
        if model.id == id_:
            return place
    raise BadRequest(f"/{name}", f"There is no model “{id_}”.")


def _model(model: ListedModel) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name or model.id,
        "created_at": datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
    }
