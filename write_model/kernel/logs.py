"""Logs for programs to read: one JSON object a line, on standard error, without personal data."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog
from psycopg import errors
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, WrappedLogger

from write_model.kernel.settings import LogLevel


def configure_logs(level: LogLevel = "INFO", *, to: TextIO | None = None) -> None:
    """Set up this process's logs, from `level` on; `to` is standard error unless given."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Local variables hold what people wrote, and passwords: they are never shown.
            ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            _without_values,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(to or sys.stderr),
        cache_logger_on_first_use=to is None,
    )
    # The libraries' own lines: whatever `level` says, at DEBUG they would tell of what is personal.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


_TELL_VALUES = ("22", "23", "54")
"""SQLSTATE classes whose messages repeat what was to be stored: `Key (name)=(Ada) ...`."""


def _without_values(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Of an error that tells values only its kind is kept, which names the constraint's sort."""
    stacks: list[dict[str, Any]] = line.get("exception") or []
    for stack in stacks:
        sqlstate = getattr(getattr(errors, stack["exc_type"], None), "sqlstate", None) or ""
        if sqlstate.startswith(_TELL_VALUES):
            stack["exc_value"] = f"SQLSTATE {sqlstate}"
    return line
