"""Puts another master secret in the place of the present one, in a database that nobody uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg

from read_model.migrating import lock, set_passwords
from read_model.secret_marks import begin_replacing, end_replacing
from workers.connecting import Connection
from workers.rotating.change import Change
from workers.rotating.kinds import KINDS, Kind

_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` rows of one kind."""

    phase: str
    done: int
    total: int


Told = Callable[[Progress], None]


def rotate(
    connection: Connection, change: Change, *, passwords: Mapping[str, str], told: Told
) -> dict[str, int]:
    """How many rows of each kind are kept under the next secret now.

    `connection`: the administrator's, in autocommit. `passwords`: role -> its next one. Killed at
    any moment, it is done again from the beginning, and passes over what is done.

    Raises: SecretRefused before anything changes; TimeoutError while somebody migrates.
    """
    lock(connection, wait_s=_WAIT_S)
    with connection.transaction():
        if not begin_replacing(connection, change.present.mark, change.following.mark):
            return {}
        set_passwords(connection, passwords)
    _cut_off(connection, list(passwords))
    connection.execute("SET ROLE tallystick_owner")
    counts = {kind.name: _made_anew(kind, connection, change, told) for kind in KINDS}
    connection.execute("RESET ROLE")
    end_replacing(connection)
    return counts


def _made_anew(kind: Kind, connection: Connection, change: Change, told: Told) -> int:
    total, done = kind.rows(connection), 0
    for rows in kind.batches(connection, change):
        done += rows
        told(Progress(kind.name, done, total))
    return done


def _cut_off(connection: psycopg.Connection, roles: list[str]) -> None:
    """End what is still connected: it would go on under the present secret."""
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = ANY (%s) AND pid <> pg_backend_pid()",
        (roles,),
    )
