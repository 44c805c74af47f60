"""Logs: one event per fact, JSON lines on stdout, text on a terminal; every logger of the standard library too.

What must never be written (keys, passwords, cookies, whole header sets) is taken out last, whoever logged it: by the
name of the field, and by the looks of what stands in a text.
"""

import logging
import logging.config
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
REMOVED: Final = "[removed]"

_SECRET_FIELD: Final = re.compile(
    r"authorization|cookie|passw|secret|token$|api[_-]?key|goog-api-key|credential|pepper|master_?key|headers|signature"
    r"|prompt$|completion$|card_number|cvc",
    re.IGNORECASE,
)
# The kind and the last four of a key of ours stay: they are what its owner sees in the portal.
_SECRET_TEXT: Final = (
    (re.compile(r"\b(ap_(?:live|test)_)[0-9A-Za-z]{8,}([0-9A-Za-z]{4})\b"), r"\1…\2"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\",]+", re.IGNORECASE), rf"\1 {REMOVED}"),
    (re.compile(r"\b(?:sk|rk|pk|whsec|xox[abp])[-_][0-9A-Za-z_-]{8,}"), REMOVED),
    (re.compile(r"\bAIza[0-9A-Za-z_-]{20,}"), REMOVED),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{REMOVED}@"),
)
_DEEPEST: Final = 6
_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.ExtraAdder(),
]
# One list for ever: a logger that was used keeps it, and Django (by Celery too) may be set up more than once.
_STEPS: Final[list[Processor]] = [
    structlog.stdlib.filter_by_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    *_SHARED,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


def configure(config: Mapping[str, Any]) -> None:
    """Called by Django with `settings.LOGGING`: `{"level": …}`; a level that does not exist is left to the checks."""
    level = config["level"] if config["level"] in LEVELS else "INFO"
    structlog.configure(
        processors=_STEPS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "event": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": _SHARED,
                    "processors": _last_steps(as_text=sys.stdout.isatty()),
                }
            },
            "handlers": {
                "stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "event"}
            },
            "root": {"handlers": ["stdout"], "level": level},
            "loggers": {
                # A stranger's 404 or wrong Host is no fact of ours, and one line for each is a way to fill a disk.
                "django.request": {"level": "ERROR"},
                "django.security.DisallowedHost": {"level": "CRITICAL"},
                # One line for each sweep would hide the others; what a sweep did, it says itself.
                "celery.worker.strategy": {"level": "WARNING"},
                "celery.app.trace": {"level": "WARNING"},
                "celery.beat": {"level": "WARNING"},
            },
        }
    )


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets out of every field, however deep, and out of every text."""
    return {name: _clean(name, value, depth=0) for name, value in event.items()}


def _last_steps(*, as_text: bool) -> list[Processor]:
    # The traceback becomes text before it is redacted: it shows the values that were passed.
    ending: list[Processor] = (
        [redact, structlog.dev.ConsoleRenderer(colors=True)]
        if as_text
        else [redact, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
    )
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        *ending,
    ]


def _clean(name: str, value: object, *, depth: int) -> object:
    if _SECRET_FIELD.search(name):
        return REMOVED
    if depth >= _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {key: _clean(str(key), inner, depth=depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", inner, depth=depth + 1) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return _clean_text(value.decode(errors="replace"))
    return _clean_text(str(value))


def _clean_text(text: str) -> str:
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text
