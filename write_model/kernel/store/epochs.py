"""Epochs: the log's branches. A restore or a promotion that lost its tail begins another one.

Positions past the branch are given out again; the epoch is what tells them from the lost ones.
"""

from __future__ import annotations

from typing import Any, LiteralString, NamedTuple

import psycopg

from write_model.kernel.settings import WRITER

# Nothing is appended between looking where the log ends and saying that a branch begins there.
_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(7310579, 1)"
_BRANCH: LiteralString = (
    "INSERT INTO log.epochs (epoch, first_position, reason)"
    " SELECT max(epoch) + 1,"
    " (SELECT coalesce(max(notification_id), 0) + 1 FROM log.events), %s"
    " FROM log.epochs RETURNING epoch, first_position"
)


class Epoch(NamedTuple):
    """`first_position`: of the log's positions, the first that is written under it."""

    number: int
    first_position: int


def begin_epoch(connection: psycopg.Connection[tuple[Any, ...]], reason: str) -> Epoch:
    """What is appended from now on belongs to a new epoch, as the owner of the database says."""
    with connection.transaction():
        connection.execute(f"SET LOCAL ROLE {WRITER}")
        connection.execute(_LOCK)
        [row] = connection.execute(_BRANCH, (reason,)).fetchall()
    return Epoch(*row)
