"""Small rows of providers without surprises."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from providers import secrets
from providers.models import AiModel, Provider, ProviderKey, ServiceVersion
from tests.billing.factories import ServiceFactory

SECRET = "sk-0123456789"


class ProviderFactory(DjangoModelFactory[Provider]):
    """At a public address, which no test calls."""

    class Meta:
        model = Provider

    name = factory.Sequence(lambda n: f"Provider {n}")
    slug = factory.Sequence(lambda n: f"provider-{n}")
    base_url = "https://192.0.43.8/v1"


class ProviderKeyFactory(DjangoModelFactory[ProviderKey]):
    """Sealed as the console does it; `secret` is SECRET unless given."""

    class Meta:
        model = ProviderKey

    provider = factory.SubFactory(ProviderFactory)
    name = factory.Sequence(lambda n: f"key-{n}")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **fields: Any) -> ProviderKey:  # noqa: ARG003
        secret = fields.pop("secret", SECRET)
        key: ProviderKey = model_class(provider=fields.pop("provider"), name=fields.pop("name"))
        secrets.store(key, secret)
        for name, value in fields.items():
            setattr(key, name, value)
        key.save()
        return key


class AiModelFactory(DjangoModelFactory[AiModel]):
    class Meta:
        model = AiModel

    provider = factory.SubFactory(ProviderFactory)
    name = factory.Sequence(lambda n: f"model-{n}")
    upstream_name = factory.LazyAttribute(lambda model: model.name)


class ServiceVersionFactory(DjangoModelFactory[ServiceVersion]):
    """A draft of a REST service with an upstream."""

    class Meta:
        model = ServiceVersion

    service = factory.SubFactory(ServiceFactory)
    number = factory.LazyAttribute(lambda version: version.service.versions.count() + 1)
    upstream_url = "https://192.0.43.8"
