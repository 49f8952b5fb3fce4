"""What may befall a database at work: ended, paused and refused connections, a lock held long."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Generator
from signal import SIGCONT, SIGSTOP
from typing import Any

import psycopg
from psycopg import sql

from tests.embedded import Database

Connection = psycopg.Connection[Any]

_APPENDING = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE application_name = 'tallystick-append' AND datname = current_database()"
)
_WAITING = _APPENDING + " AND wait_event = 'advisory'"
_WORKING = _APPENDING + " AND state = 'active'"


async def until(true: Callable[[], bool], *, patience_s: float = 20.0) -> None:
    """Wait for something in the server, which cannot call back."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while not true():
        assert loop.time() < deadline, f"It took longer than {patience_s:.0f} s."
        await asyncio.sleep(0.005)


def appending(superuser: Connection) -> list[int]:
    """The process ids of the backends that append."""
    return [pid for (pid,) in superuser.execute(_APPENDING)]


def waiting(superuser: Connection) -> int:
    """How many backends wait for the append lock."""
    return len(superuser.execute(_WAITING).fetchall())


def working(superuser: Connection) -> int:
    """How many backends that append have been asked something and not answered it yet."""
    return len(superuser.execute(_WORKING).fetchall())


def end_all(superuser: Connection) -> None:
    """End every connection that appends, whatever it is doing."""
    for pid in appending(superuser):
        superuser.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def set_default(superuser: Connection, name: str, value: str) -> None:
    """What a setting is in every session of this database that begins from now on."""
    superuser.execute(
        sql.SQL("ALTER DATABASE {} SET {} TO {}").format(
            sql.Identifier(superuser.info.dbname), sql.Identifier(name), sql.Literal(value)
        )
    )


@contextlib.contextmanager
def append_lock_held(superuser: Connection) -> Generator[None]:
    """Nothing is appended meanwhile."""
    superuser.execute("SELECT pg_advisory_lock(7310579, 1)")
    try:
        yield
    finally:
        superuser.execute("SELECT pg_advisory_unlock(7310579, 1)")


@contextlib.contextmanager
def paused(pid: int) -> Generator[None]:
    """The process does nothing meanwhile, and knows nothing of it afterwards."""
    os.kill(pid, SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, SIGCONT)


@contextlib.contextmanager
def unreachable(database: Database) -> Generator[Callable[[], None]]:
    """Nobody gets a connection until the block ends or what is given is called."""
    conninfo = Database("postgres", database.sockets).conninfo("postgres")
    with psycopg.connect(conninfo, autocommit=True) as elsewhere:

        def allow(yes: bool) -> None:
            elsewhere.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(
                    sql.Identifier(database.name), sql.Literal(yes)
                )
            )

        allow(False)
        elsewhere.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            (database.name,),
        )
        try:
            yield lambda: allow(True)
        finally:
            allow(True)
