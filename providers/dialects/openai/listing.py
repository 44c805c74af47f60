"""Lists of models: ours for callers, and those of providers."""

from collections.abc import Sequence
from typing import Any

import orjson

from providers.dialects.base import ListedModel


def write_list(models: Sequence[ListedModel]) -> bytes:
    return orjson.dumps({"object": "list", "data": [_model(model) for model in models]})


def write_model(model: ListedModel) -> bytes:
    return orjson.dumps(_model(model))


def _model(model: ListedModel) -> dict[str, Any]:
    return {"id": model.name, "object": "model", "created": 0, "owned_by": model.provider}


def models(body: bytes) -> list[dict[str, Any]]:
    """What an answer to `GET /models` says of each, in its order; some vendors answer with the bare list.

    Raises ValueError for anything else, a bare list of nothing included.
    """
    content = orjson.loads(body)  # its error is a ValueError
    listed = content.get("data") if isinstance(content, dict) else content or None
    if not isinstance(listed, list):
        raise ValueError("no list of models")  # noqa: TRY004 (an answer is wrong, not an argument)
    named = [model for model in listed if isinstance(model, dict) and isinstance(model.get("id"), str) and model["id"]]
    if len(named) != len(listed):
        raise ValueError("a model without an id")
    return named


def model_names(body: bytes) -> list[str]:
    """As `models`."""
    return [model["id"] for model in models(body)]
