"""The secrets of this installation, read from settings once per process."""

from functools import cache

from django.conf import settings

from apipark.crypto import Peppers, Sealer, parse_keys


@cache
def peppers() -> Peppers:
    return Peppers(parse_keys(settings.KEY_PEPPERS))


@cache
def sealer() -> Sealer:
    return Sealer(parse_keys(settings.MASTER_KEYS))
