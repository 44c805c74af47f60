from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ApiparkConfig(AppConfig):
    name = "apipark"


class ConsoleConfig(AdminConfig):
    default_site = "apipark.admin_site.ConsoleSite"
