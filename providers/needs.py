"""What of providers and services waits for the operator."""

from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apipark.needs import Asker, Need, Urgency, change_url, verb_url
from providers.models import Provider, ProviderKey, ServiceVersion, VersionState

_MOST: Final = 20  # of one kind on the home page; the list has them all


def refused_keys() -> Iterator[Need]:
    """Also those for which there is no money there."""
    out = (ProviderKey.State.INVALID, ProviderKey.State.EXHAUSTED)
    refused = ProviderKey.objects.filter(state__in=out, provider__state=Provider.State.ON)
    for key in refused.select_related("provider")[:_MOST]:
        left = key.provider.keys.filter(state=ProviderKey.State.ACTIVE).count()
        rest = (
            ngettext("%(count)s other key goes on", "%(count)s other keys go on", left) % {"count": left}
            if left
            else _("there is no other key: its models answer 503")
        )
        poor = key.state == ProviderKey.State.EXHAUSTED
        title = (
            _("%(provider)s has no money for the key %(key)s") if poor else _("%(provider)s refuses the key %(key)s")
        )
        yield Need(
            urgency=Urgency.SOON if left else Urgency.LOSING,
            icon="key-round",
            title=title % {"provider": key.provider, "key": key.name},
            detail=f"{key.state_reason or _('no reason given')}; {rest}",
            since=key.state_since,
            url=change_url(key),
            act=_("Test again") if poor else _("Replace secret"),
            act_url=verb_url(key, "test" if poor else "replace_secret"),
        )


def failing_keys() -> Iterator[Need]:
    """In use, though the last probe met trouble: the provider is away, or tells nothing about the key."""
    failing = ProviderKey.objects.filter(state=ProviderKey.State.ACTIVE, provider__state=Provider.State.ON)
    for key in failing.exclude(probe_trouble="").select_related("provider")[:_MOST]:
        yield Need(
            urgency=Urgency.SOON,
            icon="plug-zap",
            title=_("%(provider)s fails the test of the key %(key)s") % {"provider": key.provider, "key": key.name},
            detail=key.probe_trouble,
            since=key.probed_at,
            url=change_url(key),
            act=_("Test again"),
            act_url=verb_url(key, "test"),
        )


def versions_in_review() -> Iterator[Need]:
    for version in ServiceVersion.objects.filter(state=VersionState.IN_REVIEW).select_related("service__team")[:_MOST]:
        yield Need(
            urgency=Urgency.WAITING,
            icon="git-branch",
            title=_("%(version)s waits for review") % {"version": version},
            detail=_("sent by %(team)s") % {"team": version.service.team},
            since=None,
            url=change_url(version),
            act=_("Publish"),
            act_url=verb_url(version, "publish"),
        )


ASKERS: Final = (
    Asker(refused_keys, "providers.view_providerkey"),
    Asker(failing_keys, "providers.view_providerkey"),
    Asker(versions_in_review, "providers.view_serviceversion"),
)
