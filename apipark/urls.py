"""Every include, and the gateway's addresses: served by the slim handler, named here for `reverse` and introspection."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from apipark import health
from proxy.views.gateway import ProxyView

urlpatterns: list[URLPattern | URLResolver] = [
    *(path(name, view, name=name) for name, view in health.PROBES.items()),
    path("v1/<path:rest>", ProxyView.as_view(), name="gateway-ai"),
    path("apis/<path:rest>", ProxyView.as_view(), name="gateway-rest"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("analytics.urls")),
    path("", include("billing.urls")),
    path("", include("providers.urls")),
    path("", include("proxy.urls")),
    path("", include("teams.urls")),
]
