"""A log that tests write, and connections of the roles that read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from projections.engine.log import Connection
from tests.embedded import Database
from tests.projections.given import Given, in_memory, on_postgres

Connect = Callable[[str], Connection]


@pytest.fixture
def connect(database: Database) -> Iterator[Connect]:
    """Opens connections of a role to the test's database; all are closed at the end."""
    opened: list[psycopg.Connection[Any]] = []

    def open_one(role: str) -> Connection:
        connection = psycopg.connect(database.conninfo(role), autocommit=True)
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def log(connect: Connect) -> Connection:
    """As the superuser, who may write any log."""
    return connect("postgres")


@pytest.fixture(params=["in memory", "on Postgres"])
def given(request: pytest.FixtureRequest) -> Given:
    """Begins a story, which is told once without a database and once with one."""
    if request.param == "in memory":
        return Given(in_memory)
    return Given(on_postgres(request.getfixturevalue("postgres")))
