"""Who calls: what a worker knows of an API key, as one frozen value."""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

from billing.contracts import terms_of
from billing.terms import Facts, Terms
from teams.models import ApiKey, Application


@dataclass(frozen=True, slots=True)
class Consumer:
    key_id: int
    key_ref: str
    application_id: int
    application_ref: str
    team_id: int
    team_ref: str
    environment: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    # Microseconds since 1970 of the business clock; None: never.
    expires_us: int | None
    revoked_us: int | None
    may_see_money: bool
    team_suspended_at: datetime | None
    application_suspended_at: datetime | None
    # The application's subscriptions, the oldest first.
    terms: tuple[Terms, ...]
    # Monotonic: a refusal is decided again on what is read a second later.
    loaded_at: float

    def without_subscription(self) -> Facts:
        return Facts(
            team_suspended_at=self.team_suspended_at,
            application_suspended_at=self.application_suspended_at,
            subscription="none",
        )


def load(digests: list[str], loaded_at: float) -> Consumer | None:
    """By the key's digests under every pepper. Blocks on the database: called on the worker's look-up thread."""
    key = ApiKey.objects.select_related("application__team").filter(digest__in=digests).first()
    if key is None:
        return None
    return of(key.application, key, loaded_at)


def of(application: Application, key: ApiKey | None, loaded_at: float = 0.0) -> Consumer:
    """Without a key: what any key of the application would meet."""
    team = application.team
    return Consumer(
        key_id=key.pk if key else 0,
        key_ref=key.ref if key else "",
        application_id=application.pk,
        application_ref=application.ref,
        team_id=team.pk,
        team_ref=team.ref,
        environment=application.environment,
        networks=tuple(ip_network(text) for text in key.networks) if key else (),
        expires_us=_us(key.expires_at) if key else None,
        revoked_us=_us(key.revoked_at) if key else None,
        may_see_money=team.show_billing_to_keys or bool(key and "billing:read" in key.scopes),
        team_suspended_at=team.suspended_at,
        application_suspended_at=application.suspended_at,
        terms=terms_of(application, key.pk if key else None),
        loaded_at=loaded_at,
    )


def _us(at: datetime | None) -> int | None:
    return None if at is None else int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
