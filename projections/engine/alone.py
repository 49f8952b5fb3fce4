"""One rebuild at a time, whoever asks for it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import LiteralString

from projections.engine.log import Connection

_TRY_LOCK: LiteralString = "SELECT pg_try_advisory_lock(7310579, 3)"
_TRY_LOCK_BRIEFLY: LiteralString = "SELECT pg_try_advisory_xact_lock(7310579, 3)"
_UNLOCK: LiteralString = "SELECT pg_advisory_unlock(7310579, 3)"


class AlreadyRebuilding(Exception):
    """Another process rebuilds; one at a time has the two cores that it needs."""


@contextmanager
def alone(connection: Connection) -> Generator[None]:
    """Raises: AlreadyRebuilding."""
    [[is_free]] = connection.execute(_TRY_LOCK).fetchall()
    if not is_free:
        raise AlreadyRebuilding("Another rebuild is under way; wait until it has ended.")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(_UNLOCK)


def alone_briefly(connection: Connection) -> None:
    """Until the transaction ends. Raises: AlreadyRebuilding."""
    [[is_free]] = connection.execute(_TRY_LOCK_BRIEFLY).fetchall()
    if not is_free:
        raise AlreadyRebuilding("A rebuild is under way; try again when it has ended.")
