from django.urls import path

from providers.views import services

app_name = "providers"
urlpatterns = [
    path("services/", services.index, name="service-list"),
    path("services/<slug:slug>/", services.detail, name="service-detail"),
]
