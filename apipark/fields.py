"""Fields of models and forms that several apps share."""

from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from apipark.ids import new_ref


class RefField(models.CharField[str, str]):
    """The opaque id under which the outside world knows a row: `sub_…`."""

    def __init__(self, kind: str = "", **options: Any) -> None:
        self.kind = kind
        options.setdefault("max_length", 32)
        options.setdefault("unique", True)
        options.setdefault("editable", False)
        options.setdefault("default", partial(new_ref, kind))
        super().__init__(**options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        options.pop("default", None)
        return name, path, args, {**options, "kind": self.kind}


class RowsField(forms.ModelMultipleChoiceField[Any]):
    """A key that no column can hold is no choice; SQLite would fail on it."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError as error:
            message = self.error_messages["invalid_choice"]
            raise ValidationError(message, code="invalid_choice", params={"value": "…"}) from error
