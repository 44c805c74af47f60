"""What `manage.py up` shows when everything answers: where to go, and two calls to paste."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _


def banner(url: str, data: dict[str, Any], *, test_gateway: bool) -> str:
    """`data` as in first-run.json; empty when the file is gone."""
    return "\n".join(_lines(url, data, test_gateway=test_gateway))


def curl(url: str, key: str, model: str) -> str:
    """One line for a shell."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    return shlex.join(
        [
            *("curl", "-sS", f"{url}/v1/chat/completions"),
            *("-H", f"Authorization: Bearer {key}"),
            *("-H", "Content-Type: application/json"),
            *("-d", body),
        ]
    )


def _lines(url: str, data: dict[str, Any], *, test_gateway: bool) -> Iterator[str]:
    yield ""
    yield _("APIPark is ready: %(url)s") % {"url": url}
    operator = data.get("operator")
    if operator:
        login = {"email": operator["email"], "password": operator["password"], "url": f"{url}/admin/"}
        yield _("Operator: %(email)s  password: %(password)s  console: %(url)s") % login
    demo = data.get("demo")
    if demo:
        yield _("Demo team: %(email)s  password: %(password)s") % demo
        yield ""
        yield _("A call that passes:")
        yield f"  {curl(url, demo['api_key'], demo['model'])}"
        yield _("A call that is refused with 402, and whose link shows how to fix it:")
        yield f"  {curl(url, demo['refused']['api_key'], demo['model'])}"
    if test_gateway:
        yield ""
        yield _("Test payments are on: cards are not real. Start with --no-demo for a real installation.")
    yield _("Ctrl-C ends it.")
    yield ""
