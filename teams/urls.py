from django.urls import path

from teams.views import preferences

app_name = "teams"
urlpatterns = [
    path("preferences/theme/", preferences.theme, name="theme"),
    path("teams/<str:ref>/switch/", preferences.switch_team, name="team-switch"),
]
