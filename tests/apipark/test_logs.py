"""JSON lines, and what must never stand in them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apipark.logs import REMOVED, redact

ROOT = Path(__file__).resolve().parents[2]
KEY = "ap_live_0123456789abcdefABCDEFGHIJKLMNOPqrstuv"


def _redacted(**event: object) -> dict[str, Any]:
    return dict(redact(None, "info", event))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "password",
            "new_passwd",
            "Authorization",
            "cookie",
            "set-cookie",
            "client_secret",
            "access_token",
            "api_key",
        ),
        *("x-api-key", "x-goog-api-key", "apikey", "headers", "request_headers", "master_keys", "key_peppers"),
        *("stripe_signature", "prompt", "completion", "card_number", "cvc"),
    ],
)
def test_a_field_with_a_name_like_that_is_removed(name: str) -> None:
    assert _redacted(**{name: "anything"}) == {name: REMOVED}


@pytest.mark.parametrize(
    "name", ["prompt_tokens", "completion_tokens", "max_tokens", "key_ref", "keys", "amount_minor"]
)
def test_a_number_with_a_similar_name_stays(name: str) -> None:
    assert _redacted(**{name: 12}) == {name: 12}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {KEY} is wrong", "key ap_live_…stuv is wrong"),
        ("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {REMOVED}"),
        ("Basic dXNlcjpwYXNz,", f"Basic {REMOVED},"),
        ("sk-proj-0123456789abcdef", REMOVED),
        ("whsec_0123456789abcdef", REMOVED),
        ("?key=AIzaSyA0123456789abcdefghij", f"?key={REMOVED}"),
        ("redis://:topsecret@host:6379/0", f"redis://:{REMOVED}@host:6379/0"),
        ("postgres://apipark:topsecret@host/db", f"postgres://apipark:{REMOVED}@host/db"),
        ("a call of app_2zpsstgn11fm0adw", "a call of app_2zpsstgn11fm0adw"),
    ],
)
def test_a_secret_within_a_text_is_removed(text: str, shown: str) -> None:
    assert _redacted(event=text) == {"event": shown}


def test_secrets_are_found_in_depth_and_in_bytes() -> None:
    found = _redacted(
        call={"headers": [("authorization", "x")], "tried": [{"url": f"https://u?k={KEY}"}], "body": KEY.encode()}
    )

    assert found == {
        "call": {"headers": REMOVED, "tried": [{"url": "https://u?k=ap_live_…stuv"}], "body": "ap_live_…stuv"}
    }


def test_what_is_nested_without_end_is_cut() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless

    assert "…" in str(_redacted(value=endless))


_PROGRAM = f"""
import logging, django, structlog
django.setup()
log = structlog.get_logger("billing")
log.debug("not_shown")
log.info("invoice_paid", invoice="inv_1", amount_minor=1200, api_key="{KEY}")
logging.getLogger("celery").warning("task of %s failed", "{KEY}")
try:
    raise ValueError("key {KEY} is wrong")
except ValueError:
    log.exception("call_failed")
logging.getLogger("django.request").warning("Not Found: /x")
"""


def test_every_logger_writes_json_lines_without_secrets(tmp_path: Path) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATA_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    events = [json.loads(line) for line in done.stdout.splitlines() if "secrets.env" not in line]
    assert [(event["event"], event["level"], event["logger"]) for event in events] == [
        ("invoice_paid", "info", "billing"),
        ("task of ap_live_…stuv failed", "warning", "celery"),
        ("call_failed", "error", "billing"),
    ]
    assert events[0]["amount_minor"] == 1200
    assert all(event["timestamp"].endswith("Z") for event in events)
    assert events[2]["exception"].endswith("ValueError: key ap_live_…stuv is wrong")
    assert KEY not in done.stdout + done.stderr
