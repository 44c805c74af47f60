"""The product's settings, with planted bugs that a test can switch on in the web process."""

from apipark.settings import *  # noqa: F403
from apipark.settings import INSTALLED_APPS, env

if env.bool("PLANTS", default=False):
    INSTALLED_APPS = [*INSTALLED_APPS, "tests.gateway.plants.Plants"]
