"""factory_boy with a type: `UserFactory()` is a User."""

from typing import Any, TypeVar

import factory
from django.db.models import Model

M = TypeVar("M", bound=Model)


class _ReturnsRow(type(factory.django.DjangoModelFactory)):  # type: ignore[misc]  # factory_boy is not typed
    def __call__(cls: "type[Factory[M]]", **fields: Any) -> M:
        row: M = cls.create(**fields)
        return row


class Factory(factory.django.DjangoModelFactory[M], metaclass=_ReturnsRow):
    class Meta:
        abstract = True
