"""What is forgotten, and after how long; history is not among it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

from psycopg import Connection

_RULES: dict[str, tuple[LiteralString, timedelta]] = {
    # A retry that comes later than a week is a new request.
    "command_keys": ("SELECT log.forget_old_keys(%s)", timedelta(days=7)),
    "sign_ins": ("SELECT credentials.forget_ended_families(%s)", timedelta(days=30)),
}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows of each kind were past their time."""

    command_keys: int
    sign_ins: int


def forget(connection: Connection) -> Forgotten:
    """Delete what is past its time; harmless at any moment and any number of times."""
    return Forgotten(**{what: _count(connection, *rule) for what, rule in _RULES.items()})


def _count(connection: Connection, query: LiteralString, keep: timedelta) -> int:
    row = connection.execute(query, (keep,)).fetchone()
    return int(row[0]) if row else 0
