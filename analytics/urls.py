from django.urls import path

from analytics.views import calls, home, models, usage

app_name = "analytics"
urlpatterns = [
    path("", home.home, name="home"),
    path("models/", models.index, name="model-list"),
    path("models/<str:ref>/", models.detail, name="model-detail"),
    path("usage/", usage.usage, name="usage"),
    path("calls/", calls.index, name="call-list"),
    path("calls/export/", calls.export_list, name="call-export"),
    path("calls/<str:request_id>/", calls.detail, name="call-detail"),
]
