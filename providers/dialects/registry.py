"""Which dialects there are: those that callers speak, and those that upstreams speak."""

from typing import Final

from providers.dialects.base import CallerDialect, UpstreamDialect

CALLERS: Final[dict[str, CallerDialect]] = {}
UPSTREAMS: Final[dict[str, UpstreamDialect]] = {}
