"""Bad input on every route of the portal, the console and the account pages: refused in words, never a 500.

The test client raises what a view raises, so an exception fails these tests with its traceback. SQLite stores what
PostgreSQL refuses; `_as_strict_as_postgresql` refuses it too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.core.cache import cache
from django.db import connection, models, transaction
from django.db.models.signals import pre_save
from django.test import Client
from django.urls import reverse

from teams.models import User
from tests.apipark.factories import name_of
from tests.journeys.addresses import PORTAL, PUBLIC, SLUG, Belongings, Route, plain, reads, routes
from tests.journeys.portal import Form, Page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_recording", "_as_strict_as_postgresql")]

ROUTES: Final = routes(*PORTAL)
ACCOUNTS: Final = {name: route for name, route in routes("").items() if name.startswith("account_")}
LONG: Final = "x" * 100_000
# A number for no column, and a text for most.
HUGE: Final = "9" * 40
# One of each kind that has broken a program before.
VALUES: Final[tuple[str | bytes, ...]] = (
    "", "a\x00b", b"\xff\xfe", "-1", HUGE, "1e999", "NaN", '[{"a": 1}]', "\u202e🐨<script>'--",
)  # fmt: skip
# A reference that was never given; the rest cannot be one.
IDS: Final = ("sub_0000000000000000", "%00", "%FF", HUGE, "%F0%9F%90%A8", "x" * 4_000)
METHODS: Final = ("PUT", "DELETE", "OPTIONS", "HEAD", "get")
# Beside the one field that is wrong, so that it is not the others for which a form is refused.
VALID: Final = {
    "agreed_minor": "0", "application": "all", "cvc": "123", "exp_month": "12", "exp_year": "2080", "expires": "never",
    "language": "en", "limit": "5", "name": "Name", "note": "Please", "number": "4242424242424242", "period": "month",
    "reason": "Because", "text": "Hello", "time_zone": "UTC",
}  # fmt: skip
BROKEN_BODIES: Final[tuple[tuple[str, bytes], ...]] = (
    ("application/x-www-form-urlencoded", b"\xff\xfe=\x00&%zz=%&&&=;"),
    ("application/json", b'{"name": '),
    ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\ncut of'),
)
# Refused before any view sees them.
MORE_BODIES: Final[tuple[tuple[str, bytes], ...]] = (
    ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % number for number in range(1_100))),
    ("application/x-www-form-urlencoded", b"name=" + b"x" * 3_000_000),
    ("application/x-www-form-urlencoded; charset=nobody", b"name=x"),
    ("multipart/form-data", b"no boundary"),
    ("multipart/form-data; boundary=\xe4", b"no boundary either"),
    ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="f"; filename="\x00"\r\n\r\nx\r\n--b--\r\n'),
    ("", b"name=x"),
    ("text/plain\x00", b"x"),
)  # fmt: skip
COOKIES: Final = ("sessionid", "csrftoken", "theme", "messages", "django_language")
HEADERS: Final[tuple[dict[str, str], ...]] = (
    {"accept-language": "xx-yy;q=abc, *;q=9, \x00" + "de," * 2_000},
    {"accept": "text/html;q=nope, */, \x00"},
    {"hx-request": "\x00", "hx-current-url": "http://[", "hx-target": "é"},
    {"cookie": "=;;sessionid;\x00=\xff; theme=" + "x" * 5_000},
    {"referer": "http://[::", "x-forwarded-for": "999.1.1.1, <script>"},
)


@pytest.fixture
def _recording(settings: LazySettings) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.journeys.addresses.recording"]
    settings.ACCOUNT_RATE_LIMITS = False
    cache.clear()


@pytest.fixture
def _as_strict_as_postgresql() -> Iterator[None]:
    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 (Django's signature)
        for value in params or ():
            assert not (isinstance(value, str) and "\x00" in value), f"PostgreSQL takes no NUL: {sql[:200]}"
        return run(sql, params, many, context)

    def fits(instance: models.Model, **_: Any) -> None:
        for field in instance._meta.concrete_fields:
            value = getattr(instance, field.attname)
            if field.max_length and isinstance(value, str):
                assert len(value) <= field.max_length, f"PostgreSQL takes no more than {field.max_length}: {field}"

    pre_save.connect(fits)
    try:
        with connection.execute_wrapper(execute):
            yield
    finally:
        pre_save.disconnect(fits)


@contextmanager
def undone() -> Iterator[None]:
    """What is sent may also be taken: the next request meets the same rows."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # durable blocks may stand in it, as in the test's own
    with block:
        yield
        transaction.set_rollback(True)


def fine(answer: Any, what: str) -> None:
    assert answer.status_code < 500, what
    if not answer.streaming:
        assert b"Traceback" not in answer.content, what


def send(client: Client, url: str, fields: Mapping[str, object] | Sequence[tuple[str, object]], what: str) -> Any:
    with undone():
        answer = client.generic(
            "POST",
            url,
            urlencode(fields),
            content_type="application/x-www-form-urlencoded",
        )
    fine(answer, what)
    return answer


def query(name: str, value: str | bytes) -> str:
    return f"{quote(name)}={quote(value)}"


def named(value: str | bytes) -> str:
    return repr(value[:20])


# One route, in every way ---------------------------------------------------------------------------------------------
def sweep(client: Client, url: str) -> None:
    """Queries, forms, bodies, methods, cookies and headers of a page that answers at `url`."""
    joint = "&" if "?" in url else "?"
    queries, _none = reads(client.get(url))
    with undone():
        _none, fields = reads(client.post(url, {"nothing": "1"}))
    for name in sorted(queries):
        # The address already names something: what comes last counts.
        for value in VALUES:
            fine(client.get(url + joint + query(name, value)), f"GET {url}: {name}={named(value)}")
        fine(client.get(url + joint + query(name, "x" * 6_000)), f"GET {url}: {name} long")
        fine(client.get(f"{url}{joint}{name}=a&{name}=b&{name}[]=c"), f"GET {url}: {name} twice")
    if fields:
        post(client, url, sorted(fields))
    for kind, body in BROKEN_BODIES:
        with undone():
            fine(client.generic("POST", url, body, content_type=kind), f"POST {url}: {kind}")
    for method in METHODS:
        with undone():
            fine(client.generic(method, url, b"x=1"), f"{method} {url}")


def post(client: Client, url: str, names: Sequence[str]) -> None:
    for turn in range(len(VALUES)):
        # Each field meets each value, beside others.
        mixed = {name: VALUES[(place + turn) % len(VALUES)] for place, name in enumerate(names)}
        send(client, url, mixed, f"POST {url}: {mixed}"[:300])
    for name in names:
        send(client, url, {**VALID, name: HUGE}, f"POST {url}: {name}")
    send(client, url, [(name, value) for name in names for value in "ab"], f"POST {url}: all twice")
    send(client, url, dict.fromkeys(names, LONG), f"POST {url}: all long")


@pytest.fixture
def mine(client: Client) -> Belongings:
    found = Belongings.of("Mine")
    client.force_login(found.owner.user)
    return found


@pytest.mark.parametrize("route", ROUTES.values(), ids=str)
def test_page_of_the_portal(client: Client, mine: Belongings, route: Route) -> None:
    url = plain(route, mine)

    sweep(client, url)

    if route.name in PUBLIC:
        client.logout()
        sweep(client, url)


@pytest.mark.parametrize("route", [route for route in ROUTES.values() if route.parameters], ids=str)
def test_ids_that_are_none(client: Client, mine: Belongings, route: Route) -> None:
    """In each place of the path; what is there is never somebody's, so it is not found."""
    found = plain(route, mine).partition("?")[0]
    right = [part for part in found.split("/") if part and part not in route.path.split("/")]
    assert len(right) == len(route.parameters)

    for part in right:
        for junk in IDS:
            url = found.replace(part, junk, 1)
            assert client.get(url).status_code in {404, 405}, url
            with undone():
                assert client.post(url).status_code in {404, 405}, url


@pytest.mark.parametrize("route", ACCOUNTS.values(), ids=str)
def test_account_pages(client: Client, mine: Belongings, route: Route) -> None:
    junk = {"key": "a:b:c", "uidb36": "zzzzzzzzzzzzz"}
    url = reverse(route.name, kwargs={name: junk[name] for name in route.parameters})
    if route.name == "account_logout":
        client.logout()
    sweep(client, url)
    if route.name in {"account_login", "account_signup", "account_reset_password"}:
        client.logout()
        sweep(client, url)


def test_cookies_headers_and_bodies_that_nobody_sends(client: Client, mine: Belongings) -> None:
    for url in (reverse("analytics:home"), reverse("account_login"), reverse("proxy:fix", args=[SLUG])):
        for name in COOKIES:
            for value in ("\x00" * 9, "é" * 9, "x" * 4_000, '"', "a=b", "eyJhbGciOiJub25lIn0.e30."):
                visitor = Client()
                visitor.cookies[name] = value
                fine(visitor.get(url), f"{url}: {name}={value[:20]}")
        for headers in HEADERS:
            fine(client.get(url, headers=headers), f"GET {url}: {headers}"[:300])
    for url in (reverse("teams:account"), reverse("account_login"), reverse("admin:search")):
        for kind, body in MORE_BODIES:
            with undone():
                fine(client.generic("POST", url, body, content_type=kind), f"POST {url}: {kind}")


# The console ---------------------------------------------------------------------------------------------------------
def form_of(client: Client, url: str) -> Form | None:
    """The one that the page is about, as a browser would send it."""
    answer = client.get(url)
    page = Page(answer.status_code, url, None, answer.content.decode())  # type: ignore[arg-type]  # headers are not looked at
    posts = [form for form in page.content.forms if form.method == "post"]
    return max(posts, key=lambda form: len(form.fields), default=None)


def refused(answer: Any) -> set[str]:
    """Fields that the form shown again complains of."""
    inputs = re.findall(r"<(?:input|select|textarea)\b[^>]*>", "" if answer.streaming else answer.content.decode())
    return {name for tag in inputs if 'aria-invalid="true"' in tag for name in re.findall(r'\bname="([^"]*)"', tag)}


def fill(client: Client, url: str, values: Sequence[str | bytes] = VALUES) -> None:
    """Every field at once with each value; then alone each that took a huge number, and was not saved for the others."""
    form = form_of(client, url)
    assert form is not None, url
    # Of rows in tables below the form, one of each kind is enough; how many there are is only said to be none.
    uncounted = re.compile(r"-([1-9]\d*|__prefix__)-|_FORMS$")
    names = sorted(name for name in form.names - {"csrfmiddlewaretoken"} if not uncounted.search(name))
    counts = [name for name in form.names if name.endswith("_FORMS")]
    given = dict(form.fields)
    answers = {
        value: send(client, url, {**given, **dict.fromkeys(names, value)}, f"POST {url}: all {named(value)}")
        for value in values
    }
    send(client, url, {**given, **dict.fromkeys(counts, "NaN")}, f"POST {url}: {counts}")
    if answers[HUGE].status_code == 200:
        for name in set(names) - refused(answers[HUGE]):
            send(client, url, {**given, name: HUGE}, f"POST {url}: {name}")


CONSOLES: Final = sorted(admin.site._registry, key=name_of)


@pytest.mark.parametrize("model", CONSOLES, ids=lambda model: model._meta.label)
def test_console(client: Client, everything: list[models.Model], model: type[models.Model]) -> None:
    registered = admin.site._registry[model]
    row = next((row for row in everything if type(row) is model), None)
    verbs: tuple[str, ...] = getattr(registered, "verbs", ())
    request = client.get(reverse("admin:index")).wsgi_request

    look_up(client, reverse(f"{name_of(model)}_changelist"), ("delete_selected", *verbs[:1]))
    for junk in ("%00", HUGE, "nobody"):
        for page in ("change", "history", "delete"):
            url = reverse(f"{name_of(model)}_{page}", args=["PK"]).replace("PK", junk)
            # All say of it the same, in a message on the page that they lead to.
            fine(client.get(url, follow=page == "change"), f"GET {url}")
            send(client, url, {"post": "yes"}, f"POST {url}")
    if registered.has_add_permission(request):
        fill(client, reverse(f"{name_of(model)}_add"), (*VALUES, LONG))
    if row is not None and registered.has_change_permission(request, row):
        fill(client, reverse(f"{name_of(model)}_change", args=[row.pk]))
    for verb in verbs:
        url = reverse(f"{name_of(model)}_verb", args=[verb])
        fine(client.get(f"{url}?id=1&id={'9' * 40}&id=x%FF"), f"GET {url}")
        if row is not None and b"<form" in client.get(f"{url}?id={row.pk}").content:
            fill(client, f"{url}?id={row.pk}", (*VALUES[:5], LONG))


def look_up(client: Client, url: str, actions: Sequence[str]) -> None:
    """A list with its filters, its order, its pages and its actions."""
    names = {"q", "pk__in"}
    for spec in client.get(url).context["cl"].filter_specs:
        names |= set(spec.expected_parameters())
    for name in sorted(names):
        for value in (HUGE, "NaN"):
            fine(client.get(f"{url}?{query(name, value)}"), f"GET {url}: {name}={value}")
    fine(client.get(f"{url}?{urlencode(dict.fromkeys(names, VALUES[2]))}"), f"GET {url}: all")
    for action in (*actions, "a\x00b"):
        fields = dict.fromkeys(("_selected_action", "index", "select_across"), HUGE)
        send(client, url, {"action": action, **fields}, f"POST {url}: {action}")


def test_what_every_list_of_the_console_reads(client: Client, everything: list[models.Model]) -> None:
    """The same for all of them, before it comes to their own filters."""
    url = reverse(f"{name_of(User)}_changelist")
    for name in ("o", "p", "all", "_to_field", "_popup", "_facets", "e", "id__exact", "password__startswith"):
        for value in VALUES:
            fine(client.get(f"{url}?{query(name, value)}"), f"GET {url}: {name}={named(value)}")


def test_search_and_autocomplete_of_the_console(client: Client, everything: list[models.Model]) -> None:
    choose = reverse("admin:autocomplete")
    right = {"app_label": "teams", "model_name": "membership", "field_name": "team", "term": "a"}
    assert client.get(choose, right).status_code == 200
    for value in VALUES:
        fine(client.get(f"{reverse('admin:search')}?{query('q', value)}"), f"search {named(value)}")
        for name in (*right, "page"):
            fine(client.get(f"{choose}?{urlencode({**right, name: value})}"), f"autocomplete {name}={named(value)}")


def test_nobodys_pages(client: Client, mine: Belongings) -> None:
    for path in ("/nobody/", "/%00", "/%FF%FE", "/" + "x" * 8_000, "/admin/%00/", "/admin/r/a/b/", "/static/%00", "/static/../x", "/;a=b", "/usage"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code in {301, 302, 404}, path
        assert not re.search(rb"Traceback|apipark/\w+\.py", answer.content)
