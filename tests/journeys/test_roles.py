"""Who may lift a refusal, for each of the five roles: the act with its button, or the names of those who have it."""

import pytest

from tests.journeys.cases import ACT, GOOD, Case, People, Refusal, a_plan, card
from tests.journeys.installation import PASSWORD, Installation
from tests.journeys.portal import Page, Person

NAMES = {
    "owner": "Olga Owner",
    "admin": "Adam Admin",
    "developer": "Dan Developer",
    "billing": "Bea Billing",
    "viewer": "Vic Viewer",
}


@pytest.fixture(scope="module")
def everybody(installation: Installation, people: People) -> dict[str, Person]:
    found = {"owner": people.owner, "developer": people.developer}
    for role in ("admin", "billing", "viewer"):
        email = installation.console("person", email=f"{role}@example.org", name=NAMES[role])
        installation.console("team", name=f"Home of {role}", members={email: role})
        found[role] = Person(installation.url).sign_in(email, PASSWORD)
    return found


@pytest.fixture
def five(
    installation: Installation, people: People, everybody: dict[str, Person], request: pytest.FixtureRequest
) -> Case:
    """A case in whose team each role has one person."""
    emails = {"owner": "olga@example.org", "developer": "dev@example.org"}
    members = {emails.get(role, f"{role}@example.org"): role for role in NAMES}
    return Case(installation, people, installation.console("team", name=request.node.name[5:30], members=members))


def look(everybody: dict[str, Person], fix: str, button: str, *, may: set[str]) -> Page:
    """The page as each role sees it; returns that of one who may and is not the owner."""
    pages = {role: person.get(fix) for role, person in everybody.items()}
    assert {role for role, page in pages.items() if page.forms(button)} == may
    owners = pages["owner"].form(button)
    for role in pages.keys() - may:
        page = pages[role]
        assert "Who can fix this" in page.text
        shown = {each for each in NAMES if NAMES[each] in page.text} - {role}
        assert shown == may, role
        assert not [form.action for form in page.content.forms if ACT.match(form.action)], role
        # The act itself is refused, not only its button hidden.
        token = dict(page.form("Ask them").fields)["csrfmiddlewaretoken"]
        fields = [(name, token if name == "csrfmiddlewaretoken" else value) for name, value in owners.fields]
        form = type(owners)(owners.action, owners.method, fields, owners.names)
        assert everybody[role].submit_form(page, form).status == 403, role
    return pages[(may - {"owner"}).pop()]


def test_card_is_added_by_who_pays(five: Case, everybody: dict[str, Person]) -> None:
    a_plan(five, requires_method=True)
    fix = five.refused(five.chat, "payment-method-missing")

    page = look(everybody, fix, "Add the card", may={"owner", "billing"})
    after = everybody["billing"].submit(page, "Add the card", **card(GOOD))

    assert "This is fixed." in after.text
    assert "It would pass" in everybody["billing"].submit(after, "Try the call again").text


def test_cap_is_raised_by_who_sets_it(five: Case, everybody: dict[str, Person], pro: dict[str, str]) -> None:
    def call() -> Refusal | None:
        return five.chat(model="demo-large", words=1000, max_tokens=1000)

    five.add_card(GOOD)
    five.subscribe(pro)
    assert "The cap holds within a second." in five.owner.submit(five.subscription(), "Set cap", limit="0").text
    five.until_cap_holds(call)
    fix = five.refused(call, "spend-cap-reached", waits=True)

    page = look(everybody, fix, "Raise the cap", may={"owner", "admin"})
    after = everybody["admin"].submit(page, "Raise the cap", limit="50")

    assert "This is fixed." in after.text
