"""Every include."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("analytics.urls")),
    path("", include("billing.urls")),
    path("", include("providers.urls")),
    path("", include("teams.urls")),
]
