"""Deny by default: a page of the portal without a declared act is a mistake, whatever it shows."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from teams.roles import Action

_APPS = {"analytics", "billing", "providers", "proxy", "teams"}
# For strangers too. What they show of an account is asked for by the id in the link, within the person's own teams.
_PUBLIC = {
    "proxy:contact",
    "proxy:fix",
    "proxy:problem-detail",
    "proxy:problem-list",
    "proxy:problem-type",
    "teams:theme",  # a cookie of the browser
}


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


def test_public_pages_exist() -> None:
    assert ROUTES.keys() >= _PUBLIC


def test_every_app_has_pages() -> None:
    assert {name.partition(":")[0] for name in ROUTES} == _APPS
