"""The two apps of the project itself: its few tables, and Django's admin with the operator's console as its site."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ApiparkConfig(AppConfig):
    name = "apipark"
    label = "apipark"
    verbose_name = _("Installation")

    def ready(self) -> None:
        # Celery must exist before the first shared task is imported; checks register themselves.
        import_module("apipark.celery")
        import_module("apipark.checks")


class ConsoleConfig(AdminConfig):
    default_site = "apipark.admin_site.ConsoleSite"

    def ready(self) -> None:
        super().ready()
        post_migrate.connect(import_module("apipark.verbs").make_permissions, dispatch_uid="verbs")
