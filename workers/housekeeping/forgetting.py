"""What is forgotten, and after how long; history is not among it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

from workers.connecting import Connection
from workers.housekeeping.client_secrets import forget_unnamed

_KEYS: LiteralString = "SELECT log.forget_old_keys(%s)"
_KEYS_AFTER = timedelta(days=7)
"""A retry that comes later is a new request."""
_SIGN_INS: LiteralString = "SELECT credentials.forget_ended_families(%s)"
_SIGN_INS_AFTER = timedelta(days=30)
_ACCESSES: LiteralString = "SELECT access.forget_old_entries(%s)"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows of each kind were past their time."""

    command_keys: int
    sign_ins: int
    accesses: int
    client_secrets: int


def forget(connection: Connection, *, accesses_after: timedelta) -> Forgotten:
    """Delete what is past its time; harmless at any moment and any number of times."""
    return Forgotten(
        command_keys=_count(connection, _KEYS, _KEYS_AFTER),
        sign_ins=_count(connection, _SIGN_INS, _SIGN_INS_AFTER),
        accesses=_count(connection, _ACCESSES, accesses_after),
        client_secrets=forget_unnamed(connection),
    )


def _count(connection: Connection, query: LiteralString, after: timedelta) -> int:
    row = connection.execute(query, (after,)).fetchone()
    return int(row[0]) if row else 0
