"""A person before the portal without a browser: pages by HTTP, and their forms filled in as they are shown."""

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urljoin


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    # Names that somebody may fill in, whether they hold something or not.
    names: set[str] = field(default_factory=set)
    buttons: list[str] = field(default_factory=list)


@dataclass
class Page:
    status: int
    url: str
    headers: Message
    html: str

    @property
    def content(self) -> "_Reader":
        reader = _Reader()
        reader.feed(self.html)
        return reader

    @property
    def text(self) -> str:
        return " ".join("".join(self.content.texts).split())

    def forms(self, button: str) -> list[Form]:
        """Those that a button with these words sends. The menu of teams is on every page, and its buttons are names."""
        found = [form for form in self.content.forms if any(button in each for each in form.buttons)]
        return [form for form in found if not form.action.endswith("/switch/")]

    def form(self, button: str) -> Form:
        found = self.forms(button)
        assert found, (
            f"no button {button!r} at {self.url}: {[form.buttons for form in self.content.forms]}\n{self.text}"
        )
        return found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self._form: Form | None = None
        self._button = self._script = False
        self._area: str | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(has.get("action", ""), has.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "a" and "href" in has:
            self.links.append(has["href"])
        elif tag in {"script", "style"}:
            self._script = True
        if self._form is None:
            return
        name = has.get("name", "")
        if tag == "input" and name:
            self._form.names.add(name)
            if has.get("type") not in {"checkbox", "radio"} or "checked" in has:
                self._form.fields.append((name, has.get("value", "")))
        elif tag == "button":
            self._button = True
            self._form.buttons.append("")
        elif tag == "textarea" and name:
            self._form.names.add(name)
            self._area = name
            self._form.fields.append((name, ""))
        elif tag == "select":
            self._select = name
            self._form.names.add(name)
        elif tag == "option" and self._select and "selected" in has:
            self._form.fields.append((self._select, has.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "button":
            self._button = False
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = ""
        elif tag in {"script", "style"}:
            self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            return
        self.texts.append(data + " ")
        if self._form and self._button:
            self._form.buttons[-1] += data
        if self._form and self._area:
            name, before = self._form.fields[-1]
            self._form.fields[-1] = (name, before + data)


class _Staying(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None: the answer that redirects is the answer."""


class Person:
    """Has cookies; signs in as a person does."""

    def __init__(self, url: str) -> None:
        self.url = url
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self._following = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
        self._staying = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar, _Staying())

    def get(self, path: str, *, follow: bool = True, headers: dict[str, str] | None = None) -> Page:
        return self._open(urllib.request.Request(urljoin(self.url, path), headers=headers or {}), follow=follow)

    def send(
        self, path: str, content: bytes, *, method: str = "POST", kind: str = "application/x-www-form-urlencoded"
    ) -> Page:
        request = urllib.request.Request(
            urljoin(self.url, path), data=content, method=method, headers={"Content-Type": kind}
        )
        return self._open(request, follow=False)

    def submit(self, page: Page, button: str, **values: Any) -> Page:
        return self.submit_form(page, page.form(button), **values)

    def submit_form(self, page: Page, form: Form, **values: Any) -> Page:
        """Send a form with what stands in it and these values; a field that is not there is a mistake of the test."""
        assert set(values) <= form.names, f"{set(values) - form.names} cannot be filled in, only {form.names}"
        kept = [(name, value) for name, value in form.fields if name not in values]
        content = urlencode(kept + [(name, str(value)) for name, value in values.items()])
        target = urljoin(page.url, form.action or page.url)
        if form.method == "get":
            return self.get(f"{target.partition('?')[0]}?{content}")
        return self._open(urllib.request.Request(target, data=content.encode()), follow=True)

    def sign_in(self, email: str, password: str) -> "Person":
        page = self.get("/accounts/login/")
        after = self.submit(page, "Sign in", login=email, password=password)
        assert "/accounts/login/" not in after.url, after.text
        return self

    def _open(self, request: urllib.request.Request, *, follow: bool) -> Page:
        opener = self._following if follow else self._staying
        try:
            with opener.open(request, timeout=20) as answer:
                return Page(answer.status, answer.url, answer.headers, answer.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, error.url, error.headers, error.read().decode(errors="replace"))
