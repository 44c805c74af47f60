"""Settings with which nothing is started."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from apipark import checks


@pytest.fixture(autouse=True)
def _safe(settings: Settings) -> None:
    """What a public installation has; each test makes one thing of it wrong."""
    settings.DEBUG = False
    settings.PUBLIC_URL = "https://api.example.com"
    settings.ALLOWED_HOSTS = ["api.example.com", "localhost"]
    settings.SECRET_KEY = "".join(chr(40 + number) for number in range(50))
    settings.KEY_PEPPERS = [f"1:{bytes(range(32)).hex()}"]
    settings.MASTER_KEYS = [f"1:{bytes(range(32, 64)).hex()}"]
    settings.BILLING_TEST_GATEWAY = False


def _ids(*, serious: bool = True) -> list[str | None]:
    return [message.id for message in checks.messages() if message.is_serious() is serious]


def test_a_public_installation_may_start() -> None:
    assert checks.messages() == []


@pytest.mark.parametrize(
    "secret", ["short", "abcd" * 20, "django-insecure-" + "".join(chr(40 + number) for number in range(50))]
)
def test_a_secret_that_can_be_guessed(settings: Settings, secret: str) -> None:
    settings.SECRET_KEY = secret

    assert _ids() == ["apipark.E001"]


@pytest.mark.parametrize(("name", "number"), [("KEY_PEPPERS", "E002"), ("MASTER_KEYS", "E003")])
@pytest.mark.parametrize("keys", [[], ["1:zz"], ["1:" + "ab" * 31], ["1:" + "00" * 32], [bytes(range(32)).hex()]])
def test_keys_that_are_missing_malformed_or_not_random(
    settings: Settings, name: str, number: str, keys: list[str]
) -> None:
    setattr(settings, name, keys)

    assert _ids() == [f"apipark.{number}"]


def test_one_key_for_two_purposes(settings: Settings) -> None:
    settings.MASTER_KEYS = settings.KEY_PEPPERS

    assert _ids() == ["apipark.E003"]


@pytest.mark.parametrize("url", ["", "api.example.com", "ftp://api.example.com", "https://api.example.com/portal"])
def test_an_address_that_is_none(settings: Settings, url: str) -> None:
    settings.PUBLIC_URL = url

    assert _ids() == ["apipark.E004"]


@pytest.mark.parametrize(
    ("url", "hosts", "ids"),
    [
        ("https://api.example.com", ["localhost"], ["apipark.E005"]),
        ("http://localhost:8000", ["localhost", "api.example.com"], ["apipark.E005"]),
        ("http://localhost:8000", ["localhost", "127.0.0.1", "[::1]", "portal.localhost"], []),
    ],
)
def test_debug_works_on_this_machine_alone(settings: Settings, url: str, hosts: list[str], ids: list[str]) -> None:
    settings.DEBUG, settings.PUBLIC_URL, settings.ALLOWED_HOSTS = True, url, hosts

    assert _ids() == ids


@pytest.mark.parametrize("hosts", [[], ["*"], ["api.example.com", "*"]])
def test_hosts_are_named(settings: Settings, hosts: list[str]) -> None:
    settings.ALLOWED_HOSTS = hosts

    assert _ids() == ["apipark.E006"]


@pytest.mark.parametrize(
    ("url", "errors", "warnings"),
    [
        ("https://api.example.com", ["apipark.E007"], []),
        ("http://192.168.1.5:8000", [], ["apipark.W007"]),
        ("http://localhost:8000", [], []),
    ],
)
def test_test_cards_stay_on_this_machine(settings: Settings, url: str, errors: list[str], warnings: list[str]) -> None:
    settings.BILLING_TEST_GATEWAY, settings.PUBLIC_URL = True, url

    assert (_ids(), _ids(serious=False)) == (errors, warnings)


@pytest.mark.parametrize("name", checks._POSITIVE)
def test_a_limit_of_nothing_is_none(settings: Settings, name: str) -> None:
    setattr(settings, name, type(getattr(settings, name))(0))

    assert [message.msg for message in checks.messages()] == [f"{name} must be greater than zero."]


@pytest.mark.parametrize(("name", "value"), [("BILLING_GRACE", timedelta(hours=-1)), ("SECURE_HSTS_SECONDS", -1)])
def test_what_may_be_nothing_and_not_less(settings: Settings, name: str, value: object) -> None:
    setattr(settings, name, value)

    assert [message.msg for message in checks.messages()] == [f"{name} must not be less than zero."]


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("SPOOL_FSYNC", "sometimes", "E009"),
        ("LOG_LEVEL", "LOUD", "E010"),
        ("REDIS_URL", "http://127.0.0.1", "E011"),
        ("REDIS_URL", "redis://127.0.0.1:port", "E011"),
        ("GATEWAY_ALLOWED_ADDRESSES", ["10.0.0.1"], "E014"),
        ("GATEWAY_ALLOWED_ADDRESSES", ["10.0.0.1:0"], "E014"),
        ("GATEWAY_ALLOWED_ADDRESSES", ["models.example.com:80"], "E014"),
    ],
)
def test_a_value_that_is_none_of_those_there_are(settings: Settings, name: str, value: object, number: str) -> None:
    setattr(settings, name, value)

    assert _ids() == [f"apipark.{number}"]


def test_addresses_of_both_kinds_may_be_allowed(settings: Settings) -> None:
    settings.GATEWAY_ALLOWED_ADDRESSES = ["10.0.0.1:80", "[fd00::1]:8080"]

    assert checks.messages() == []
