"""Which dialects there are: those that callers speak, and those that upstreams speak."""

from typing import Final

from providers.dialects.anthropic.codec import CODEC as ANTHROPIC
from providers.dialects.base import CallerDialect, UpstreamDialect
from providers.dialects.gemini.codec import CODEC as GEMINI
from providers.dialects.openai.codec import CODEC as OPENAI
from providers.dialects.responses.codec import CODEC as RESPONSES

CALLERS: Final[dict[str, CallerDialect]] = {
    "openai": OPENAI,
    "responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
}
UPSTREAMS: Final[dict[str, UpstreamDialect]] = {
    "openai": OPENAI,
    "responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
}
