from django.urls import path

from teams.views import applications, keys, preferences, team

app_name = "teams"
urlpatterns = [
    path("applications/", applications.index, name="application-list"),
    path("applications/new/", applications.create, name="application-new"),
    path("applications/<str:ref>/", applications.detail, name="application-detail"),
    path("applications/<str:ref>/edit/", applications.edit, name="application-edit"),
    path("applications/<str:ref>/suspend/", applications.suspend, name="application-suspend"),
    path("applications/<str:ref>/resume/", applications.resume, name="application-resume"),
    path("applications/<str:ref>/keys/new/", keys.create, name="key-new"),
    path("keys/<str:ref>/rotate/", keys.rotate, name="key-rotate"),
    path("keys/<str:ref>/revoke/", keys.revoke, name="key-revoke"),
    path("members/", team.members, name="member-list"),
    path("audit/", team.changes, name="audit-list"),
    path("account/", team.account, name="account"),
    path("preferences/theme/", preferences.theme, name="theme"),
    path("teams/<str:ref>/switch/", preferences.switch_team, name="team-switch"),
]
