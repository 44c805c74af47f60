"""A minute later the call stands in the trends: the real Celery rolls it up, nobody pushes it."""

import re

from tests.journeys.cases import GOOD, Case
from tests.journeys.installation import soon
from tests.journeys.portal import Page

# Rolled up every ten seconds; the promise is a minute.
_MINUTE_S = 60


def listed(page: Page) -> set[str]:
    """Request ids of the calls that a list shows."""
    return {found for link in page.content.links for found in re.findall(r"^/calls/(req_\w+)/$", link)}


def test_calls_stand_in_list_and_trends(case: Case, pro: dict[str, str]) -> None:
    case.add_card(GOOD)
    case.subscribe(pro)
    passed = [case.chat(), case.chat()]
    refusal = case.weather()
    assert passed == [None, None]
    assert refusal is not None
    refused, slug = refusal.problem["request_id"], refusal.problem["code"]
    case.shipped()
    case.enter()
    app, owner = case.team["app"], case.owner

    # The list, at once.
    everything = listed(owner.get("/calls/"))
    assert len(everything) == 3
    assert listed(owner.get(f"/calls/?application={app}")) == everything
    assert listed(owner.get("/calls/?status=402")) == {refused}
    assert listed(owner.get("/calls/?status=4xx")) == {refused}
    assert listed(owner.get("/calls/?status=2xx")) == everything - {refused}
    assert listed(owner.get(f"/calls/?slug={slug}")) == {refused}
    assert listed(owner.get(f"/calls/?application={app}&status=2xx&slug={slug}")) == set()

    # One call.
    for request_id in everything:
        page = owner.get(f"/calls/{request_id}/")
        assert request_id in page.text
        assert f"{case.team['name']} robot" in page.text
        words = (slug, "/apis/weather/bytes/2000") if request_id == refused else ("demo-chat", "/v1/chat/completions")
        assert all(word in page.text for word in words), page.text

    # The trends, within a minute.
    url = f"/usage/?range=24h&application={app}"
    page = soon(lambda: (found := owner.get(url)) and "Key figures Calls 3 " in found.text and found, _MINUTE_S)
    assert page, owner.get(url).text
    assert "Refused, 402 1 Calls by status Answered 2" in page.text
    assert "demo-chat 2" in page.text
    assert re.search(r"by cause Cause Calls Share No subscription or payment information 1\b", page.text)
