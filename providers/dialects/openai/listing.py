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


def model_names(body: bytes) -> list[str]:
    """Of an answer to `GET /models`, in its order. Raises ValueError for anything else."""
    content = orjson.loads(body)  # its error is a ValueError
    listed = content.get("data") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no list of models")  # noqa: TRY004 (an answer is wrong, not an argument)
    names = [model.get("id") if isinstance(model, dict) else None for model in listed]
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("a model without an id")
    return [str(name) for name in names]
