"""What is shown when everything answers."""

import json
import shlex
from typing import Any

from apipark.banner import banner, curl

URL = "http://localhost:8000"
DATA: dict[str, Any] = {
    "operator": {"email": "operator@localhost", "password": "one"},
    "demo": {
        "email": "demo@localhost",
        "password": "two",
        "model": "demo-chat",
        "api_key": "ap_live_passes",
        "refused": {"api_key": "ap_live_refused"},
    },
}


def test_a_call_is_one_line_that_a_shell_reads_as_meant() -> None:
    line = curl(URL, "ap_live_key", 'it\'s a "model" $HOME')

    words = shlex.split(line)

    assert "\n" not in line
    assert words[:3] == ["curl", "-sS", f"{URL}/v1/chat/completions"]
    assert "Authorization: Bearer ap_live_key" in words
    assert json.loads(words[-1])["model"] == 'it\'s a "model" $HOME'


def test_a_demo_shows_both_logins_and_both_calls() -> None:
    lines = [line.strip() for line in banner(URL, DATA, test_gateway=True).splitlines()]

    assert lines[1:4] == [
        f"APIPark is ready: {URL}",
        f"Operator: operator@localhost  password: one  console: {URL}/admin/",
        "Demo team: demo@localhost  password: two",
    ]
    assert [key for line in lines if line.startswith("curl") for key in ("passes", "refused") if key in line] == [
        "passes",
        "refused",
    ]
    assert "Test payments are on: cards are not real. Start with --no-demo for a real installation." in lines


def test_a_real_installation_shows_no_demo() -> None:
    shown = banner(URL, DATA | {"demo": None}, test_gateway=False)

    assert "operator@localhost" in shown
    assert "curl" not in shown
    assert "Test payments" not in shown


def test_without_the_file_of_the_first_run_the_address_is_still_shown() -> None:
    assert [line for line in banner(URL, {}, test_gateway=False).splitlines() if line] == [
        f"APIPark is ready: {URL}",
        "Ctrl-C ends it.",
    ]
