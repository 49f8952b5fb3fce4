"""All looks at an installation, one after the other; none keeps the others from being made."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import psycopg

from workers.connecting import Connection
from workers.doctor.beside import look_beside
from workers.doctor.finding import Finding
from workers.doctor.home import look_at_home
from workers.doctor.log import look_at_log
from workers.doctor.migrations import look_at_migrations
from workers.doctor.server import look_at_server
from workers.doctor.shown import look_at_what_is_shown
from workers.doctor.walls import look_at_walls
from workers.projector.reaching import Unreachable, reached, where_it_runs
from write_model.kernel.settings import Settings

Look = Callable[[Connection], Iterable[Finding]]


def examined(settings: Settings, *, whole_log: bool = False) -> Iterator[Finding]:
    """What there is to say, good or bad, in an order that goes from the ground up."""
    yield Finding("python", platform.python_version())
    yield from look_at_home(settings.home)
    try:
        settings = where_it_runs(settings)
        with reached(settings) as connection:
            for look in _looks(whole_log=whole_log):
                yield from _made(look, connection)
    except Unreachable as error:
        yield Finding("database", "cannot be asked", str(error))
    yield from look_beside(settings)


def _looks(*, whole_log: bool) -> tuple[tuple[str, Look], ...]:
    return (
        ("server", look_at_server),
        ("migrations", look_at_migrations),
        ("walls", look_at_walls),
        ("log", partial(look_at_log, whole=whole_log)),
        ("shown", look_at_what_is_shown),
    )


def _made(look: tuple[str, Look], connection: Connection) -> Iterator[Finding]:
    """Raises: psycopg.Error when the connection is lost."""
    name, work = look
    try:
        yield from work(connection)
    except psycopg.Error as error:
        if connection.closed:
            raise
        why = str(error).partition("\n")[0]
        yield Finding(name, f"could not be looked at ({why})", "Mend what it names; look again.")
