"""Small rows without surprises. `UserFactory.create()` is typed, `UserFactory()` is the same to those who need no type."""

from typing import Any

import factory
from allauth.account.models import EmailAddress
from factory.django import DjangoModelFactory

from teams import keys
from teams.models import ApiKey, Application, Membership, Role, Team, User

PASSWORD = "correct-horse-battery"


class UserFactory(DjangoModelFactory[User]):
    """A person who can sign in with PASSWORD."""

    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> User:  # noqa: ARG003
        user: User = model_class.objects.create_user(kwargs.pop("email"), kwargs.pop("password", PASSWORD), **kwargs)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        return user


class TeamFactory(DjangoModelFactory[Team]):
    class Meta:
        model = Team

    name = factory.Sequence(lambda n: f"Team {n}")
    slug = factory.Sequence(lambda n: f"team-{n}")


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.OWNER


class ApplicationFactory(DjangoModelFactory[Application]):
    class Meta:
        model = Application

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda n: f"Application {n}")


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """Made as the portal makes it; its secret is `key.secret` here, and nowhere in the product."""

    class Meta:
        model = ApiKey

    application = factory.SubFactory(ApplicationFactory)
    name = factory.Sequence(lambda n: f"key-{n}")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> ApiKey:  # noqa: ARG003
        application, name = kwargs.pop("application"), kwargs.pop("name")
        issued = keys.issue(application, name=name, actor=kwargs.pop("created_by", None))
        for field, value in kwargs.items():
            setattr(issued.key, field, value)
        issued.key.save()
        issued.key.secret = issued.secret  # type: ignore[attr-defined]  # for tests alone
        return issued.key
