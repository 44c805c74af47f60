import subprocess
import sys

import pytest

from apipark.problems import (
    ACTIONS,
    PROBLEMS,
    CallerMustChange,
    PaymentRequired,
    Problem,
    ProblemType,
    SlowDown,
    Unavailable,
    UpstreamFailed,
    actions_of,
    refuse,
    resolvers_of,
    retry_of,
    schema,
    waits_until,
)
from tests.schemas import violations

CAUSES = {
    "missing_payment_information",
    "exceeded_limits",
    "payment_method_issue",
    "credentials",
    "permission",
    "rate",
    "service",
    "request",
}
MONEY = [kind for kind in PROBLEMS.values() if kind.status == 402]
RENEWING = {
    "id": "cap_1",
    "scope": "team",
    "set_by": "customer",
    "metric": "spend",
    "resets_at": "2026-12-01T00:00:00Z",
}


@pytest.mark.parametrize("kind", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_each_row_keeps_to_the_closed_enums(kind: ProblemType) -> None:
    assert PROBLEMS[kind.slug] is kind
    assert kind.cause in CAUSES
    assert set(kind.actions) <= set(ACTIONS)
    assert kind.resolvers
    assert kind.title
    assert kind.meaning
    assert len(kind.links) == len(set(kind.links))


@pytest.mark.parametrize("kind", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_each_example_holds_the_members_that_its_schema_requires(kind: ProblemType) -> None:
    needed = set(kind.members) - kind.optional

    assert needed <= set(kind.example)
    for name, value in kind.example.items():
        assert violations(value, kind.members[name], name) == []


@pytest.mark.parametrize("kind", MONEY, ids=[kind.slug for kind in MONEY])
def test_payment_required_ends_with_usage_and_publisher(kind: ProblemType) -> None:
    actions = actions_of(refuse(kind.slug, **kind.example))

    assert actions[-2:] == ("check_usage", "contact_provider")
    assert len(set(actions)) == len(actions)
    assert kind.links[0] == "fix"


@pytest.mark.parametrize(
    ("slug", "fault"),
    [
        ("request-invalid", CallerMustChange),
        ("credentials-invalid", CallerMustChange),
        ("quota-exceeded", PaymentRequired),
        ("allowance-held", SlowDown),
        ("upstream-timeout", UpstreamFailed),
        ("upstream-failed", UpstreamFailed),
        ("metering-unavailable", Unavailable),
    ],
)
def test_refuse_picks_the_class_of_whose_fault_it_is(slug: str, fault: type[Problem]) -> None:
    assert type(refuse(slug)) is fault


def test_refuse_leaves_out_what_is_not_known() -> None:
    problem = refuse("version-retired", retired_at=None, successor="weather@3")

    assert problem.members == {"successor": "weather@3"}


def test_refuse_unknown_slug_fails_loudly() -> None:
    with pytest.raises(KeyError):
        refuse("no-such-problem")


def test_retry_says_wait_only_with_a_time() -> None:
    assert retry_of(refuse("overloaded", retry_after=2)) == "after_wait"
    assert retry_of(refuse("overloaded")) == "after_action"
    assert retry_of(refuse("quota-exceeded")) == "after_action"
    assert retry_of(refuse("pricing-unavailable", model="m")) == "after_action"
    assert retry_of(refuse("route-not-found")) == "never"


def test_cap_of_the_publisher_is_lifted_by_a_larger_plan() -> None:
    own = refuse("spend-cap-reached", cap=RENEWING)
    theirs = refuse("spend-cap-reached", cap=RENEWING | {"set_by": "publisher", "scope": "plan"})

    assert actions_of(own) == ("raise_cap", "wait", "check_usage", "contact_provider")
    assert resolvers_of(own) == ("team_admin", "time")
    assert actions_of(theirs) == ("upgrade_plan", "wait", "check_usage", "contact_provider")
    assert resolvers_of(theirs) == ("team_billing", "publisher", "time")


def test_cap_for_good_is_not_waited_for() -> None:
    cap = {name: value for name, value in RENEWING.items() if name != "resets_at"}

    problem = refuse("spend-cap-reached", cap=cap)

    assert actions_of(problem) == ("raise_cap", "check_usage", "contact_provider")
    assert resolvers_of(problem) == ("team_admin",)


def test_request_larger_than_the_whole_limit_is_not_waited_for() -> None:
    quota = PROBLEMS["quota-exceeded"].example["quota"]

    fitting = refuse("quota-exceeded", quota=quota)
    too_large = refuse("quota-exceeded", quota=quota | {"requested": 10_001})

    assert waits_until(fitting) == "2026-12-01T00:00:00Z"
    assert waits_until(too_large) == ""
    assert "wait" not in actions_of(too_large)


def test_pause_of_the_publisher_is_ended_by_the_publisher_alone() -> None:
    problem = refuse("subscription-paused", paused_at="2026-11-20T08:00:00Z", paused_by="publisher")

    assert resolvers_of(problem) == ("publisher",)
    assert actions_of(problem) == ("check_usage", "contact_provider")


def test_schema_refuses_another_slug_and_a_missing_member() -> None:
    content = {"code": "quota-exceeded", "status": 402}

    found = violations(content, schema(PROBLEMS["spend-cap-reached"]))

    assert "$: cap is missing" in found
    assert "$.code: 'quota-exceeded' is not 'spend-cap-reached'" in found


def test_module_imports_no_django() -> None:
    code = "import sys, apipark.problems; sys.exit(any(name.split('.')[0] == 'django' for name in sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
