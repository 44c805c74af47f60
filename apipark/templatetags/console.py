"""What the console's templates have beside the portal's words and parts."""

from collections.abc import Sequence

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apipark import columns

register = template.Library()
register.simple_tag(columns.badge, name="badge")


@register.simple_tag
def sparkline(values: Sequence[int], words: str, look: str = "c1") -> SafeString:
    """A line without axes in a box of 120 × 28; `words` say what it shows. The look is one of the kit's series classes."""
    if len(values) < 2:  # a new place has no history yet
        return SafeString("")
    top = max(values) or 1
    step = 120 / (len(values) - 1)
    points = " ".join(f"{index * step:.1f},{26 - 24 * value / top:.1f}" for index, value in enumerate(values))
    return format_html(
        '<svg class="spark {}" viewBox="0 0 120 28" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="area" d="M0,28 L{} L120,28 Z"/><polyline points="{}"/></svg>',
        look,
        words,
        points,
        points,
    )
