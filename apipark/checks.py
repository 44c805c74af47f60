"""Settings that must not go into service together. `up` and its roles refuse to start on an error; `check --deploy`
reports the same. They are no part of the ordinary checks, so that a shell still opens to find out what is wrong.
"""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks  # noqa: A004

from apipark.crypto import parse_keys
from apipark.logs import LEVELS

TAG: Final = "installation"
# 50 characters of Django's own generator are some 280 bits; fewer than 5 different ones are no secret at all.
_SECRET_CHARACTERS: Final = 50
_KEY_DIFFERENT_BYTES: Final = 8
_LOCAL_HOSTS: Final = {"localhost", "testserver"}
_POSITIVE: Final = (
    "DATABASE_CONNECT_TIMEOUT",
    "GATEWAY_MAX_BODY_BYTES",
    "GATEWAY_MAX_TARGET_BYTES",
    "GATEWAY_CONNECT_TIMEOUT",
    "GATEWAY_IDLE_TIMEOUT",
    "GATEWAY_TOTAL_TIMEOUT",
    "GATEWAY_UPSTREAM_CONCURRENCY",
    "GATEWAY_WORKERS",
    "GATEWAY_SNAPSHOT_LIFE",
    "GATEWAY_DRAIN",
    "GATEWAY_DEFAULT_MAX_TOKENS",
    "GATEWAY_PROBE_TIMEOUT",
    "GATEWAY_PROBE_MAX_BYTES",
    "GATEWAY_PROBE_INTERVAL",
    "GATEWAY_CALL_RETENTION",
    "PORTAL_EXPORT_CALLS",
    "SPOOL_SEGMENT_BYTES",
    "SPOOL_FREE_BYTES",
)
_NOT_NEGATIVE: Final = ("BILLING_GRACE", "SECURE_HSTS_SECONDS")


def messages() -> list[CheckMessage]:
    """What is wrong with the settings. A serious one forbids the start."""
    return run_checks(tags=[TAG], include_deployment_checks=True)


@register(TAG, deploy=True)
def check_secrets(**_options: Any) -> list[CheckMessage]:
    return list(_secrets())


@register(TAG, deploy=True)
def check_exposure(**_options: Any) -> list[CheckMessage]:
    return list(_exposure())


@register(TAG, deploy=True)
def check_values(**_options: Any) -> list[CheckMessage]:
    return [*_numbers(), *_values()]


def is_local(host: str) -> bool:
    """Only this machine can reach it."""
    if host in _LOCAL_HOSTS or host.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        return ip_address(host.strip("[]")).is_loopback
    return False


def _secrets() -> Iterator[CheckMessage]:
    secret = settings.SECRET_KEY
    if len(secret) < _SECRET_CHARACTERS or len(set(secret)) < 5 or secret.startswith("django-insecure-"):
        yield Error(f"SECRET_KEY must be {_SECRET_CHARACTERS} or more random characters.", id="apipark.E001")
    seen: set[bytes] = set()
    for name, number in (("KEY_PEPPERS", "E002"), ("MASTER_KEYS", "E003")):
        try:
            keys = [key for _, key in parse_keys(getattr(settings, name))]
        except ValueError as error:
            yield Error(f"{name} cannot be used: {error}.", id=f"apipark.{number}")
            continue
        if any(len(set(key)) < _KEY_DIFFERENT_BYTES for key in keys):
            yield Error(f"{name} holds a key that was not made at random.", id=f"apipark.{number}")
        if seen.intersection(keys):
            yield Error(f"{name} repeats a key that is used for something else.", id=f"apipark.{number}")
        seen.update(keys)


def _exposure() -> Iterator[CheckMessage]:
    public = urlsplit(settings.PUBLIC_URL)
    if public.scheme not in {"http", "https"} or not public.hostname or public.path or public.query:
        yield Error("PUBLIC_URL must look like https://api.example.com, without a path.", id="apipark.E004")
        return
    local = is_local(public.hostname)
    if settings.DEBUG and not (local and all(is_local(host) for host in settings.ALLOWED_HOSTS)):
        yield Error("DEBUG shows secrets to strangers and works on loopback only.", id="apipark.E005")
    if not settings.ALLOWED_HOSTS or any(host in {"*", "."} for host in settings.ALLOWED_HOSTS):
        yield Error("ALLOWED_HOSTS must name the hosts; a wildcard lets links be forged.", id="apipark.E006")
    if settings.BILLING_TEST_GATEWAY and not local:
        text = "BILLING_TEST_GATEWAY takes cards that are not real, and PUBLIC_URL is not on this machine."
        hint = "Start with --no-demo, or set BILLING_TEST_GATEWAY=0."
        if public.scheme == "https":
            yield Error(text, hint=hint, id="apipark.E007")
        else:  # a trial on another machine of one's own network
            yield Warning(text, hint=hint, id="apipark.W007")


def _numbers() -> Iterator[CheckMessage]:
    for name in _POSITIVE:
        value = getattr(settings, name)
        if not value > (timedelta(0) if isinstance(value, timedelta) else 0):
            yield Error(f"{name} must be greater than zero.", id="apipark.E008")
    for name in _NOT_NEGATIVE:
        value = getattr(settings, name)
        if value < (timedelta(0) if isinstance(value, timedelta) else 0):
            yield Error(f"{name} must not be less than zero.", id="apipark.E008")


def _values() -> Iterator[CheckMessage]:
    if settings.SPOOL_FSYNC not in {"off", "interval", "always"}:
        yield Error("SPOOL_FSYNC must be off, interval or always.", id="apipark.E009")
    if settings.LOG_LEVEL not in LEVELS:
        yield Error(f"LOG_LEVEL must be one of {', '.join(LEVELS)}.", id="apipark.E010")
    if not _is_redis(settings.REDIS_URL):
        yield Error("REDIS_URL must look like redis://, rediss:// or redis+socket://.", id="apipark.E011")
    if settings.DATABASES["default"].get("ATOMIC_REQUESTS"):
        yield Error("ATOMIC_REQUESTS would hold SQLite's one write lock for whole requests.", id="apipark.E013")
    for pair in settings.GATEWAY_ALLOWED_ADDRESSES:
        if not _is_address_and_port(pair):
            yield Error(f"GATEWAY_ALLOWED_ADDRESSES: {pair!r} is not address:port.", id="apipark.E014")


def _is_redis(url: str) -> bool:
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        return parts.scheme in {"redis", "rediss", "redis+socket"} and parts.port != 0
    return False


def _is_address_and_port(pair: str) -> bool:
    address, _, port = pair.rpartition(":")
    with contextlib.suppress(ValueError):
        ip_address(address.strip("[]"))
        return 0 < int(port) < 65536
    return False
