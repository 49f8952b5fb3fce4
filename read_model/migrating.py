"""Brings a database to the present schema: roles first, then numbered SQL, forward only."""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import psycopg
from psycopg import sql

from read_model.secret_marks import must_be_the_same

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = (7310579, 2)
_OWNER, _WRITER = "tallystick_owner", "tallystick_writer"
_ROLES = (_OWNER, _WRITER, "tallystick_tailer", "tallystick_app")


class MigrationChanged(Exception):
    """A migration that was run already has another content now: history is not edited."""


def migrate(
    admin_conninfo: str,
    *,
    passwords: Mapping[str, str],
    secret_mark: bytes | None = None,
    wait_s: float = 60.0,
) -> None:
    """Run what has not been run yet, as `tallystick_owner`, one transaction each.

    `passwords`: role -> password; roles without one cannot log in. `secret_mark`: derives from the
    master secret, which must be the one that the database was made with.
    Raises: MigrationChanged; SecretRefused; TimeoutError when another process migrates for longer
    than `wait_s`.
    """
    with psycopg.connect(admin_conninfo, autocommit=True) as connection:
        lock(connection, wait_s=wait_s)
        _make_roles(connection)
        _make_ledger(connection)
        if secret_mark is not None:
            must_be_the_same(connection, secret_mark)
        set_passwords(connection, passwords)
        for path in sorted(MIGRATIONS.glob("[0-9]*.sql")):
            _run(connection, path)


def lock(connection: psycopg.Connection, *, wait_s: float) -> None:
    """Be the only one that migrates. Raises: TimeoutError."""
    # Polled: a blocking advisory lock deadlocks with CREATE INDEX CONCURRENTLY.
    deadline = time.monotonic() + wait_s
    while not _got_lock(connection):
        if time.monotonic() > deadline:
            raise TimeoutError("Another process has been migrating for too long.")
        time.sleep(0.05)


def _got_lock(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", _LOCK).fetchone()
    return bool(row and row[0])


def _make_roles(connection: psycopg.Connection) -> None:
    for role in _ROLES:
        _make_role(connection, role)
    connection.execute(
        sql.SQL("GRANT CREATE, CONNECT ON DATABASE {} TO tallystick_owner").format(
            sql.Identifier(connection.info.dbname)
        )
    )


def _make_role(connection: psycopg.Connection, role: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    if known is None:
        connection.execute(sql.SQL("CREATE ROLE {} NOINHERIT").format(sql.Identifier(role)))
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    if role != _OWNER:
        connection.execute(sql.SQL("GRANT {} TO tallystick_owner").format(sql.Identifier(role)))


def _make_ledger(connection: psycopg.Connection) -> None:
    connection.execute("CREATE SCHEMA IF NOT EXISTS migrations AUTHORIZATION tallystick_owner")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations.applied ("
        " name text PRIMARY KEY, checksum bytea NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    connection.execute("GRANT USAGE ON SCHEMA migrations TO PUBLIC")
    connection.execute("GRANT SELECT ON migrations.applied TO PUBLIC")


def set_passwords(connection: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    for role, password in passwords.items():
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(password)
            )
        )


def _run(connection: psycopg.Connection, path: Path) -> None:
    text = path.read_bytes()
    row = connection.execute(
        "SELECT checksum FROM migrations.applied WHERE name = %s", (path.name,)
    ).fetchone()
    if row is None:
        _apply(connection, path.name, text)
    elif bytes(row[0]) != sha256(text).digest():
        raise MigrationChanged(f"{path.name} was changed after it had been run.")


def _apply(connection: psycopg.Connection, name: str, text: bytes) -> None:
    with connection.transaction():
        connection.execute("SET LOCAL ROLE tallystick_owner")
        connection.execute(text)
        connection.execute("RESET ROLE")
        connection.execute(
            "INSERT INTO migrations.applied (name, checksum) VALUES (%s, %s)",
            (name, sha256(text).digest()),
        )
