"""Read settings from the environment, so that a wrong value names its variable."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


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
