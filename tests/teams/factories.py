from typing import Any

import factory

from teams import keys
from teams.models import ApiKey, Application, Membership, Role, Team, User
from tests.factory import Factory

PASSWORD = "correct horse battery staple"


class UserFactory(Factory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = factory.django.Password(PASSWORD)


class TeamFactory(Factory[Team]):
    class Meta:
        model = Team

    name = factory.Sequence(lambda n: f"Team {n}")
    slug = factory.Sequence(lambda n: f"team-{n}")


class MembershipFactory(Factory[Membership]):
    class Meta:
        model = Membership

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.OWNER


class ApplicationFactory(Factory[Application]):
    class Meta:
        model = Application

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda n: f"Application {n}")


class ApiKeyFactory(Factory[ApiKey]):
    """Made as the portal makes it: the row with its secret as `key.secret`."""

    class Meta:
        model = ApiKey

    application = factory.SubFactory(ApplicationFactory)
    name = factory.Sequence(lambda n: f"key-{n}")

    @classmethod
    def _create(cls, _model: type[ApiKey], *_args: Any, **kwargs: Any) -> ApiKey:
        application, name = kwargs.pop("application"), kwargs.pop("name")
        issued = keys.issue(application, name=name, actor=kwargs.pop("created_by", None))
        for field, value in kwargs.items():
            setattr(issued.key, field, value)
        issued.key.save()
        issued.key.secret = issued.secret  # type: ignore[attr-defined]  # for tests alone
        return issued.key
