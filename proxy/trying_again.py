"""The refused call as a command to paste. Bodies are not kept, so it is the same request, not the same words."""

import shlex

from django.conf import settings

from proxy.checking import application_of
from proxy.subjects import Subject

_BODYLESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


def command(subject: Subject) -> str:
    """With the key to fill in; empty when nothing is known of the call but its team."""
    call = subject.call
    if call is None:
        path = (
            f"/apis/{subject.service.slug}/" if subject.service and subject.service.kind == "rest" else "/v1/standing"
        )
        return _curl("GET", path, "") if application_of(subject) else ""
    return _curl(call.method, call.path, _body(subject))


def _curl(method: str, path: str, body: str) -> str:
    lines = [f"curl -X {shlex.quote(method)} {shlex.quote(settings.PUBLIC_URL + path)}"]
    lines.append('-H "Authorization: Bearer $APIPARK_KEY"')
    if body:
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(lines)


def _body(subject: Subject) -> str:
    call, model = subject.call, subject.ai_model
    if call is None or call.method in _BODYLESS:
        return ""
    if model is None:
        return "{}"
    if call.path.endswith("/embeddings"):
        return f'{{"model": "{model.name}", "input": "Hello"}}'
    return f'{{"model": "{model.name}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
