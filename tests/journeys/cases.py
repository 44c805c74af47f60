"""A team of its own for one state, what its people do, and what all refusals and fixes have in common."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import openai
from openai import OpenAI

from tests.journeys.installation import Console, Installation, soon
from tests.journeys.portal import Page, Person
from tests.schemas import violations

GOOD, POOR, FAILING, STOLEN = "4242424242424242", "4000000000009995", "4000000000000341", "4000000000009979"
# Of money, which the holder of a key does not see.
_SECRET = re.compile(r'"(balance|amount_due|decline_category|shortfall|price|invoice)"|USD|\$|4242|9995|0341|9979')
ACT = re.compile(r"/fix/[a-z-]+/(?!check/|ask/)[a-z-]+/")
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

    def until_cap_holds(self, call: Call) -> None:
        """A new cap holds within a second; nothing tells the caller sooner than a call."""
        deadline = time.monotonic() + _FIX_HOLDS_S
        while call() is None:
            assert time.monotonic() < deadline, "the cap does not hold"
            time.sleep(0.1)

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
        # Counting rows is not enough: the client repeats a 503 of a busy machine by itself, and that has a row as well.
        assert soon(lambda: self.owner.get(problem["instance"]).status == 200), "the refused call was not shipped"
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
        assert ACT.match(form.action)
        theirs = self.people.developer.get(fix)
        assert theirs.status == 200
        assert "Who can fix this" in theirs.text
        assert may in theirs.text
        assert not [each.action for each in theirs.content.forms if ACT.match(each.action)]
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


def a_plan(case: Case, **terms: Any) -> dict[str, str]:
    """One that is on offer only until this team has it."""
    plan: dict[str, str] = case.console("plan", name=f"{case.team['name'][:30]} plan", **terms)
    after = case.subscribe(plan)
    assert "Subscribed." in after.text, after.text
    case.console("withdraw", plan=plan["slug"])
    return plan
