"""By what the database knows its master secret, and the one that is taking its place."""

from __future__ import annotations

import psycopg

from write_model.kernel.secret_sources import SecretRefused


def must_be_the_same(connection: psycopg.Connection, mark: bytes) -> None:
    """Another secret would open nothing, and found the first organization a second time.

    Raises: SecretRefused, also while it is being replaced.
    """
    kept, following = _marks(connection, mark)
    if following is not None:
        raise SecretRefused(
            "The master secret is being replaced: end that with `./tallystick rotate-secret`."
        )
    _must_be(kept, mark)


def begin_replacing(connection: psycopg.Connection, mark: bytes, following: bytes) -> bool:
    """Have `following` take the place of `mark` from now on; False when it has done so.

    Raises: SecretRefused.
    """
    kept, begun = _marks(connection, mark)
    if kept == following and begun is None:
        return False
    _must_be(kept, mark)
    if begun not in {None, following}:
        raise SecretRefused(
            "Another secret is taking the place of the master secret already; go on with that one."
        )
    connection.execute("UPDATE migrations.secret SET next_mark = %s", (following,))
    return True


def end_replacing(connection: psycopg.Connection) -> None:
    connection.execute("UPDATE migrations.secret SET mark = next_mark, next_mark = NULL")


def _must_be(kept: bytes, mark: bytes) -> None:
    if kept != mark:
        raise SecretRefused(
            "The database was made with another master secret. Start with that one."
        )


def _marks(connection: psycopg.Connection, first: bytes) -> tuple[bytes, bytes | None]:
    """The present one and, while it is being replaced, the next; a new database takes `first`."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations.secret (mark bytea NOT NULL, next_mark bytea)"
    )
    connection.execute(
        "INSERT INTO migrations.secret (mark) SELECT %s"
        " WHERE NOT EXISTS (SELECT FROM migrations.secret)",
        (first,),
    )
    row = connection.execute("SELECT mark, next_mark FROM migrations.secret").fetchone()
    assert row is not None
    return row
