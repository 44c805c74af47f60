import pytest

from teams.models import Application, Membership, Role
from teams.roles import ROLES, Action, may, people_who_may
from tests.teams.factories import MembershipFactory, TeamFactory

# owner, admin, developer, billing, viewer: the table of the README.
TABLE = {
    Action.BROWSE: "yyyyy",
    Action.SEE: "yyyyy",
    Action.APPLICATIONS: "yyy--",
    Action.DESIGN: "yyy--",
    Action.PUBLISH: "yy---",
    Action.SUBSCRIBE_FREE: "yyyy-",
    Action.PAY: "y--y-",
    Action.CAPS: "yy---",
    Action.SEE_MONEY: "yy-y-",
    Action.MANAGE: "yy---",
    Action.SEE_CHANGES: "yy---",
    Action.SEE_BODIES: "yyy--",
    Action.DELETE_TEAM: "y----",
}


@pytest.mark.parametrize("action", Action)
def test_may_follows_the_table(action: Action) -> None:
    answers = "".join("y" if may(Membership(role=role), action) else "-" for role in Role)

    assert answers == TABLE[action]


def test_stranger_may_browse_alone() -> None:
    assert [action for action in Action if may(None, action)] == [Action.BROWSE]


def test_every_action_has_roles() -> None:
    assert set(ROLES) == set(Action)


def test_unknown_action_is_refused_loudly() -> None:
    with pytest.raises(ValueError, match="fly"):
        may(Membership(role=Role.OWNER), "fly")


@pytest.mark.parametrize(("role", "own", "others"), [("developer", True, False), ("admin", True, True)])
def test_developers_change_applications_of_their_own_making(role: str, *, own: bool, others: bool) -> None:
    membership = Membership(role=role, user_id=7)

    assert may(membership, Action.APPLICATIONS, Application(created_by_id=7)) is own
    assert may(membership, Action.APPLICATIONS, Application(created_by_id=8)) is others


@pytest.mark.django_db
def test_people_who_may_are_of_this_team() -> None:
    team = TeamFactory.create()
    billing = MembershipFactory.create(team=team, role=Role.BILLING)
    MembershipFactory.create(team=team, role=Role.DEVELOPER)
    MembershipFactory.create(role=Role.OWNER)

    assert list(people_who_may(team, Action.PAY)) == [billing]
