"""A database comes to the present schema once, by one process, from migrations nobody edits."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Timer
from typing import Any

import psycopg
import pytest

from read_model.migrating import MIGRATIONS, MigrationChanged, migrate
from tests.embedded import LOGIN_ROLES, Database, password
from write_model.kernel.secret_sources import SecretRefused

Connection = psycopg.Connection[Any]

PASSWORDS = {role: password(role) for role in LOGIN_ROLES}


@pytest.fixture
def admin(database: Database) -> str:
    return database.conninfo("postgres")


@pytest.fixture
def other(admin: str) -> Iterator[Connection]:
    with psycopg.connect(admin, autocommit=True) as connection:
        yield connection


def _applied(connection: Connection) -> list[Any]:
    return connection.execute(
        "SELECT name, applied_at FROM migrations.applied ORDER BY name"
    ).fetchall()


def test_what_was_run_is_not_run_again(admin: str, other: Connection) -> None:
    before = _applied(other)
    migrate(admin, passwords=PASSWORDS)
    assert _applied(other) == before
    assert [name for name, _ in before] == sorted(
        path.name for path in MIGRATIONS.glob("[0-9]*.sql")
    )


def test_a_migration_that_was_edited_is_refused(admin: str, other: Connection) -> None:
    other.execute("UPDATE migrations.applied SET checksum = 'x' WHERE name = '0001_events.sql'")
    with pytest.raises(MigrationChanged, match=r"0001_events\.sql"):
        migrate(admin, passwords=PASSWORDS)


def test_another_secret_than_the_databases_changes_nothing(
    database: Database, admin: str, other: Connection
) -> None:
    migrate(admin, passwords=PASSWORDS, secret_mark=b"first")
    migrate(admin, passwords=PASSWORDS, secret_mark=b"first")
    with pytest.raises(SecretRefused, match="another master secret"):
        migrate(admin, passwords={"tallystick_app": "another"}, secret_mark=b"second")
    psycopg.connect(database.conninfo("tallystick_app")).close()


def test_a_second_process_waits_for_the_first(admin: str, other: Connection) -> None:
    other.execute("SELECT pg_advisory_lock(7310579, 2)")
    timer = Timer(0.2, other.execute, ["SELECT pg_advisory_unlock(7310579, 2)"])
    timer.start()
    migrate(admin, passwords=PASSWORDS)
    timer.join()


def test_it_does_not_wait_forever(admin: str, other: Connection) -> None:
    other.execute("SELECT pg_advisory_lock(7310579, 2)")
    with pytest.raises(TimeoutError):
        migrate(admin, passwords=PASSWORDS, wait_s=0.1)


def test_only_the_writer_cannot_log_in_and_none_bypasses_the_walls(other: Connection) -> None:
    roles = other.execute(
        "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'tallystick%'"
        " AND NOT rolsuper AND NOT rolbypassrls AND NOT rolcreaterole ORDER BY rolname"
    ).fetchall()
    assert roles == [
        ("tallystick_app", True),
        ("tallystick_owner", True),
        ("tallystick_tailer", True),
        ("tallystick_writer", False),
    ]
