"""The operator's console."""

from django.contrib import admin


class ConsoleSite(admin.AdminSite):
    pass
