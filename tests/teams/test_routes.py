"""Deny by default: a page of the portal without a declared act is a mistake, whatever it shows."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from teams.roles import Action

_APPS = {"analytics", "billing", "providers", "teams"}
# Sets a cookie of the browser, for strangers too.
_PUBLIC = {"teams:theme"}


def _routes(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _routes(entry, entry.namespace or namespace)
        elif namespace in _APPS:
            yield f"{namespace}:{entry.name}", entry


ROUTES = dict(_routes(get_resolver()))


@pytest.mark.parametrize("name", sorted(ROUTES.keys() - _PUBLIC))
def test_every_page_names_its_act(name: str) -> None:
    assert isinstance(getattr(ROUTES[name].callback, "action", None), Action)


def test_every_app_has_pages() -> None:
    assert {name.partition(":")[0] for name in ROUTES} == _APPS
