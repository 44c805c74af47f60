"""A refusal in a browser: a page without scripts and without data of the upstream, under a policy that allows only style."""

import functools
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.templatetags.static import static
from django.utils.translation import gettext as _

from apipark.problems import ACTIONS, RESOLVERS


def headers(public_url: str) -> list[tuple[bytes, bytes]]:
    parts = urlsplit(public_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    policy = (
        f"default-src 'none'; style-src {origin}; font-src {origin}; img-src {origin}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]


def page(content: Mapping[str, Any], public_url: str, language: str) -> bytes:
    """`content` is the body of RFC 9457 in the language that is active."""
    title = escape(content["title"])
    who = ", ".join(_(RESOLVERS[each]) for each in content["resolver"])
    return (
        f'<!doctype html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title} · APIPark</title>\n'
        f'<meta name="color-scheme" content="light dark">\n{_sheets(public_url)}</head>\n'
        f'<body class="shell bare">\n<header class="topbar"><a class="brand" href="{escape(public_url)}/">APIPark</a></header>\n'
        f'<main class="main" id="main">\n<div class="page-head problem"><div>\n'
        f'<span class="badge" data-tone="warn">{content["status"]} · {escape(content["code"])}</span>\n'
        f"<h1>{title}</h1>\n<p>{escape(content['detail'])}</p>\n</div></div>\n"
        f'<div class="actions">{_buttons(content)}</div>\n'
        f'<dl class="facts"><div><dt>{escape(_("Who can fix it"))}</dt><dd>{escape(who)}</dd></div>'
        f"<div><dt>{escape(_('Request'))}</dt><dd><code>{escape(content['request_id'])}</code></dd></div></dl>\n"
        f"</main>\n</body>\n</html>\n"
    ).encode()


def _buttons(content: Mapping[str, Any]) -> str:
    """One for each page, named by the best remedy there."""
    pages: dict[str, str] = {}
    for remedy in content["remedies"]:
        if "url" in remedy:
            pages.setdefault(remedy["url"], _(ACTIONS[remedy["action"]].title))
    pages.setdefault(content["links"]["problem"], _("What this means"))
    return "".join(
        f'<a class="button{"" if index else " primary"}" href="{escape(url)}">{escape(title)}</a>'
        for index, (url, title) in enumerate(pages.items())
    )


@functools.cache
def _sheets(public_url: str) -> str:
    urls = (urljoin(public_url, static(f"css/{name}.css")) for name in ("tokens", "base", "components", "pages"))
    return "".join(f'<link rel="stylesheet" href="{escape(url)}">\n' for url in urls)
