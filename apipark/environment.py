"""Read settings from the environment, so that a wrong value names its variable."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import environ
from django.core.exceptions import ImproperlyConfigured

_DATABASES: Final = ("sqlite:///", "postgres://", "postgresql://")


class Environment(environ.FileAwareEnv):  # type: ignore[misc]  # the package has no types
    """`SECRET_KEY_FILE=/run/secrets/key` works like `SECRET_KEY=…`."""

    def get_value(self, var: str, *args: Any, **options: Any) -> Any:
        try:
            return super().get_value(var, *args, **options)
        except ImproperlyConfigured:
            raise
        except OSError as error:
            raise ImproperlyConfigured(f"{var}_FILE: {error.strerror}: {error.filename}") from error
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} has a value that cannot be read: {error}") from error

    def email_config(self, var: str, default: str) -> dict[str, Any]:
        with _named(var):
            config: dict[str, Any] = self.email_url_config(self.str(var, default=default))
        return config

    def database_config(self, var: str, default: str) -> dict[str, Any]:
        """Of one of the two databases that migrations and tests know."""
        url = self.str(var, default=default)
        if not url.startswith(_DATABASES):
            raise ImproperlyConfigured(f"{var} must begin with sqlite:/// or postgres://")
        with _named(var):
            config: dict[str, Any] = self.db_url_config(url)
        return config


@contextlib.contextmanager
def _named(var: str) -> Iterator[None]:
    """The package says what is wrong, and not where."""
    try:
        yield
    except (ImproperlyConfigured, ValueError) as error:
        raise ImproperlyConfigured(f"{var} has a value that cannot be read: {error}") from error
