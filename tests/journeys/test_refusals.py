"""Every 402 brought about as it comes about in life, followed by its link, fixed by the right person, and then the same
call passes. What all of them have in common is in `Case.refused` and `Case.fixed`.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.journeys.installation import PASSWORD, Console, Installation, soon
from tests.journeys.portal import Page, Person
from tests.schemas import violations

GOOD, POOR, FAILING, STOLEN = "4242424242424242", "4000000000009995", "4000000000000341", "4000000000009979"
# Of money, which the holder of a key does not see.
_SECRET = re.compile(r'"(balance|amount_due|decline_category|shortfall|price|invoice)"|USD|\$|4242|9995|0341|9979')
_ACT = re.compile(r"/fix/[a-z-]+/(?!check/|ask/)[a-z-]+/")
_FIX_HOLDS_S = 1.0


@dataclass(frozen=True)
class People:
    owner: Person
    developer: Person
    stranger: Person


@dataclass(frozen=True)
class Refusal:
    status: int
    headers: Any
    problem: dict[str, Any]


Call = Callable[[], Refusal | None]


def raised(error: openai.APIStatusError) -> Refusal:
    """What a program reads from the exception."""
    assert isinstance(error.body, dict)
    problem = error.body["problem"]
    assert (error.code, error.request_id) == (problem["code"], problem["request_id"])
    return Refusal(error.status_code, error.response.headers, problem)


@dataclass
class Case:
    """A team of its own for one state, with its application's key."""

    installation: Installation
    people: People
    team: dict[str, str]
    sent: int = 0
    _client: OpenAI = field(init=False)

    def __post_init__(self) -> None:
        url = f"{self.installation.url}/v1"
        self._client = OpenAI(base_url=url, api_key=self.team["secret"], timeout=20)

    @property
    def console(self) -> Console:
        return self.installation.console

    # Calls
    def chat(self, *, model: str = "demo-chat", words: int = 5, max_tokens: int = 20) -> Refusal | None:
        self.sent += 1
        content = f"Hello [long {words}]"
        try:
            self._client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": content}], max_tokens=max_tokens
            )
        except openai.APIStatusError as error:
            return raised(error)
        return None

    def embed(self) -> Refusal | None:
        self.sent += 1
        try:
            answer = self._client.embeddings.create(model="demo-embedding", input=["Hello", "world"])
        except openai.APIStatusError as error:
            return raised(error)
        assert [each.index for each in answer.data] == [0, 1]
        assert answer.usage.prompt_tokens
        return None

    def weather(self) -> Refusal | None:
        self.sent += 1
        page = self.anonymous().get("/apis/weather/bytes/2000", headers=self.credentials)
        if page.status == 200:
            return None
        assert page.headers["Content-Type"] == "application/problem+json"
        return Refusal(page.status, page.headers, json.loads(page.html))

    @property
    def credentials(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.team['secret']}"}

    def anonymous(self) -> Person:
        return Person(self.installation.url)

    # What the owner does in the portal
    @property
    def owner(self) -> Person:
        return self.people.owner

    def enter(self) -> None:
        """Work in this team."""
        home = self.owner.get("/applications/")
        form = next(each for each in home.content.forms if self.team["ref"] in each.action)
        self.owner.submit_form(home, form)

    def add_card(self, number: str) -> Page:
        self.enter()
        page = self.owner.get("/billing/methods/new/")
        after = self.owner.submit(page, "Add", **card(number))
        assert f"•••• {number[-4:]}" in after.text
        return after

    def subscribe(self, plan: dict[str, str]) -> Page:
        self.enter()
        page = self.owner.get(f"/services/{plan['service']}/subscribe/{plan['ref']}/")
        return self.owner.submit(page, "Subscribe")

    def subscription(self) -> Page:
        """The page of the team's one subscription."""
        self.enter()
        index = self.owner.get("/subscriptions/")
        refs = {each for link in index.content.links for each in re.findall(r"/subscriptions/(sub_\w+)/", link)}
        assert len(refs) == 1, refs
        return self.owner.get(f"/subscriptions/{refs.pop()}/")

    # What all refusals have in common
    def shipped(self) -> list[list[Any]]:
        """All calls so far, once the last one has arrived in the database."""
        rows = soon(lambda: len(found := self.console("rows", app=self.team["app"])) >= self.sent and found)
        assert rows, f"not all of {self.sent} calls were shipped"
        found: list[list[Any]] = rows
        return found

    def refused(self, call: Call, slug: str, *, waits: bool = False) -> str:
        """Make the call; look at the refusal from all sides. Returns the link that fixes it."""
        if self.sent:
            self.shipped()
        before = self.console("used", app=self.team["app"])
        refusal = call()
        assert refusal is not None, "the call passed"
        problem, headers = refusal.problem, refusal.headers
        assert (refusal.status, problem["code"]) == (402, slug), problem
        assert headers["x-problem"] == slug
        assert headers["cache-control"] == "no-store"
        assert headers["x-should-retry"] == "false"
        assert ("retry-after" in headers) == waits
        assert headers["x-request-id"] == problem["request_id"]
        assert problem["application"] == self.team["app"]
        assert problem["team"] == self.team["ref"]
        assert [each["action"] for each in problem["remedies"][-2:]] == ["check_usage", "contact_provider"]
        assert not _SECRET.search(json.dumps(problem)), problem
        self._matches_its_schema(problem)
        status, told, charges = self.shipped()[-1]
        assert (status, told) == (402, slug)
        assert not any(units for _, *charged in charges for units in charged)
        assert self.console("used", app=self.team["app"]) == before
        self._links_lead_somewhere(problem, headers["link"])
        fix: str = problem["links"]["fix"]
        assert all(remedy.get("url", fix) for remedy in problem["remedies"])
        return fix

    def _matches_its_schema(self, problem: dict[str, Any]) -> None:
        page = self.anonymous().get(problem["type"], headers={"Accept": "application/json"})
        assert violations(problem, json.loads(page.html)["schema"]) == []

    def _links_lead_somewhere(self, problem: dict[str, Any], link: str) -> None:
        urls = set(_urls(problem)) | set(re.findall(r"<([^>]+)>", link))
        assert {problem["links"][name] for name in ("fix", "usage", "plans", "contact", "docs", "problem")} <= urls
        anonymous = self.anonymous()
        for url in urls:
            assert url.startswith(f"{self.installation.url}/"), url
            if "/v1/" in url:
                assert self.anonymous().get(url, headers=self.credentials).status == 200, url
                continue
            page = anonymous.get(url, follow=False)
            assert page.status in {200, 302}, (page.status, url)
            if page.status == 302:
                assert page.headers["Location"].startswith("/accounts/login/?next=/"), url
            assert self.owner.get(url).status == 200, url
        for name in (problem["links"]["fix"], problem["links"]["usage"], problem["instance"]):
            # Without an id in its query the address is the stranger's own page.
            if "sub=" in name or "app=" in name or "/calls/" in name:
                assert self.people.stranger.get(name).status == 404, name

    def page_of(self, fix: str, button: str, *, may: str = "Olga Owner") -> Page:
        """The owner's page with the act's button; a developer's says who may, and the act is refused to them."""
        page = self.owner.get(fix)
        assert page.status == 200
        assert page.url == fix, page.text
        form = page.form(button)
        assert _ACT.match(form.action)
        theirs = self.people.developer.get(fix)
        assert theirs.status == 200
        assert "Who can fix this" in theirs.text
        assert may in theirs.text
        assert not [each.action for each in theirs.content.forms if _ACT.match(each.action)]
        token = dict(theirs.form("Ask them").fields)["csrfmiddlewaretoken"]
        form.fields = [(name, token if name == "csrfmiddlewaretoken" else value) for name, value in form.fields]
        assert self.people.developer.submit_form(theirs, form).status == 403
        stranger = self.people.stranger.get("/account/")
        token = dict(stranger.content.forms[0].fields)["csrfmiddlewaretoken"]
        form.fields = [(name, token if name == "csrfmiddlewaretoken" else value) for name, value in form.fields]
        assert self.people.stranger.submit_form(stranger, form).status == 404
        return page

    def fixed(self, call: Call, after: Page) -> None:
        """`after` is what the act showed: the same call passes within a second, and the check says so too."""
        acted = time.monotonic()
        assert "This is fixed." in after.text, after.text
        while (refusal := call()) is not None:
            assert refusal.status == 402, refusal
            assert time.monotonic() - acted < _FIX_HOLDS_S, refusal.problem["detail"]
            time.sleep(0.05)
        checked = self.owner.submit(after, "Try the call again")
        assert "It would pass" in checked.text


def card(number: str) -> dict[str, object]:
    return {"number": number, "exp_month": 12, "exp_year": 2080, "cvc": "123"}


def _urls(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _urls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _urls(inner)
    elif isinstance(value, str) and value.startswith("http"):
        yield value


def until_refused(call: Call, *, most: int = 20) -> None:
    """Use a limit up, whatever a call takes of it. The last call was refused."""
    for _ in range(most):
        if call() is not None:
            return
    raise AssertionError(f"{most} calls did not use it up")


@pytest.fixture(scope="session")
def people(installation: Installation) -> People:
    console, url = installation.console, installation.url
    for email, name in (("olga", "Olga Owner"), ("dev", "Dan Developer"), ("eve", "Eve Elsewhere")):
        console("person", email=f"{email}@example.org", name=name)
    console("team", name="Elsewhere", members={"eve@example.org": "owner"})
    # One team at least, so that they can sign in to one.
    console("team", name="Home", members={"olga@example.org": "owner", "dev@example.org": "developer"})
    # Only plans that cost something are left on offer: a developer may take free ones.
    for plan in ("starter", "weather-free"):
        console("withdraw", plan=plan)
    return People(*(Person(url).sign_in(f"{name}@example.org", PASSWORD) for name in ("olga", "dev", "eve")))


@pytest.fixture
def case(installation: Installation, people: People, request: pytest.FixtureRequest) -> Case:
    name = request.node.name.removeprefix("test_").replace("_", " ").title()[:40]
    members = {"olga@example.org": "owner", "dev@example.org": "developer"}
    return Case(installation, people, installation.console("team", name=name, members=members))


@pytest.fixture
def pro(console: Console, people: People) -> dict[str, str]:
    found: dict[str, str] = console("offered", plan="pro")
    return found


def a_plan(case: Case, **terms: Any) -> dict[str, str]:
    """One that is on offer only until this team has it."""
    plan: dict[str, str] = case.console("plan", name=f"{case.team['name'][:30]} plan", **terms)
    after = case.subscribe(plan)
    assert "Subscribed." in after.text, after.text
    case.console("withdraw", plan=plan["slug"])
    return plan


# Missing payment information -----------------------------------------------------------------------------------------
def test_subscription_required(case: Case) -> None:
    case.add_card(GOOD)
    fix = case.refused(case.embed, "subscription-required")
    page = case.page_of(fix, "Subscribe and pay $29.00")
    case.fixed(case.embed, case.owner.submit(page, "Subscribe and pay"))


def test_subscription_incomplete(case: Case, pro: dict[str, str]) -> None:
    case.add_card(POOR)
    assert "Calls pass once the first invoice is paid." in case.subscribe(pro).text
    fix = case.refused(case.chat, "subscription-incomplete")
    page = case.page_of(fix, "Add the card")
    case.fixed(case.chat, case.owner.submit(page, "Add the card", **card(GOOD)))


def test_subscription_ended(case: Case, pro: dict[str, str]) -> None:
    case.add_card(GOOD)
    case.subscribe(pro)
    assert case.chat() is None
    assert "Canceled." in case.owner.submit(case.subscription(), "Cancel").text
    assert case.chat() is None
    case.console("move", days=32)
    fix = case.refused(case.chat, "subscription-ended")
    page = case.page_of(fix, "Subscribe and pay")
    case.fixed(case.chat, case.owner.submit(page, "Subscribe and pay"))


def test_payment_method_missing(case: Case) -> None:
    a_plan(case, requires_method=True)
    fix = case.refused(case.chat, "payment-method-missing")
    page = case.page_of(fix, "Add the card")
    case.fixed(case.chat, case.owner.submit(page, "Add the card", **card(GOOD)))


# The payment method ---------------------------------------------------------------------------------------------------
def test_payment_declined(case: Case, pro: dict[str, str]) -> None:
    case.add_card(GOOD)
    case.subscribe(pro)
    case.add_card(FAILING)
    case.console("move", days=31)
    assert case.chat() is None  # grace
    case.console("move", days=4)
    fix = case.refused(case.chat, "payment-declined")
    page = case.page_of(fix, "Add the card")
    case.fixed(case.chat, case.owner.submit(page, "Add the card", **card(GOOD)))


def test_payment_method_invalid(case: Case, pro: dict[str, str]) -> None:
    case.add_card(GOOD)
    case.subscribe(pro)
    case.add_card(STOLEN)
    case.console("move", days=31)
    assert case.chat() is None
    case.console("move", days=4)
    fix = case.refused(case.chat, "payment-method-invalid")
    page = case.page_of(fix, "Add the card")
    case.fixed(case.chat, case.owner.submit(page, "Add the card", **card(GOOD)))


def test_payment_overdue(case: Case) -> None:
    a_plan(case, price_minor=1_000, collection="invoice", net_days=10)
    assert case.chat() is None
    case.console("move", days=10)
    assert case.chat() is None
    case.console("move", days=4)
    fix = case.refused(case.chat, "payment-overdue")
    page = case.page_of(fix, "Add the card")
    page = case.owner.submit(page, "Add the card", **card(GOOD))
    case.fixed(case.chat, case.owner.submit(page, "Pay $10.00"))


# Limits ---------------------------------------------------------------------------------------------------------------
def test_calls_used_up(case: Case) -> None:
    case.add_card(GOOD)
    a_plan(case, limits={"calls": 3})
    assert [case.chat() for _ in range(3)] == [None] * 3
    fix = case.refused(case.chat, "quota-exceeded", waits=True)
    page = case.page_of(fix, "Change plan and pay")
    assert "All 3 calls" in page.text
    case.fixed(case.chat, case.owner.submit(page, "Change plan and pay"))


def test_bytes_used_up(case: Case) -> None:
    case.add_card(GOOD)
    a_plan(case, service="weather", limits={"bytes": 30_000})
    until_refused(case.weather)
    fix = case.refused(case.weather, "quota-exceeded", waits=True)
    page = case.page_of(fix, "Change plan and pay")
    case.fixed(case.weather, case.owner.submit(page, "Change plan and pay"))


def test_tokens_used_up(case: Case) -> None:
    def call() -> Refusal | None:
        return case.chat(words=50, max_tokens=50)

    case.add_card(GOOD)
    a_plan(case, limits={"tokens": 300})
    until_refused(call)
    fix = case.refused(call, "quota-exceeded", waits=True)
    page = case.page_of(fix, "Change plan and pay")
    case.fixed(call, case.owner.submit(page, "Change plan and pay"))


def test_spend_cap_reached(case: Case, pro: dict[str, str]) -> None:
    def call() -> Refusal | None:
        return case.chat(model="demo-large", words=1000, max_tokens=1000)

    case.add_card(GOOD)
    case.subscribe(pro)
    assert "The cap holds within a second." in case.owner.submit(case.subscription(), "cap", limit="0.01").text
    time.sleep(1)
    assert call() is None
    fix = case.refused(call, "spend-cap-reached", waits=True)
    page = case.page_of(fix, "Raise the cap")
    case.fixed(call, case.owner.submit(page, "Raise the cap"))


def test_plan_upgrade_required(case: Case) -> None:
    def call() -> Refusal | None:
        return case.chat(model="demo-large")

    case.add_card(GOOD)
    a_plan(case, models=["demo-chat"])
    assert case.chat() is None
    fix = case.refused(call, "plan-upgrade-required")
    page = case.page_of(fix, "Change plan and pay")
    case.fixed(call, case.owner.submit(page, "Change plan and pay"))
