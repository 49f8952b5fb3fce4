"""Tables beside those in use: made like them, filled in bulk, indexed last, dropped when left.

A new table is seen by nobody until `projections.current` points to it. What was left is dropped
after longer than any statement may take; whoever still read it has got his answer by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from psycopg import errors, sql

from projections.engine.columns import pack_copied
from projections.engine.log import Connection
from projections.engine.projection import TableSpec, Values
from read_model.layout import SCHEMA, Layout

LEFT_FOR_S = 60
"""Twelve times as long as the server lets a question of the app run."""

_COPIED_ROWS = 5_000
"""At once: packed they take several times the memory of the rows."""

_NEXT: LiteralString = (
    "SELECT %s || '_r' || 1 + coalesce(max(substring(relname FROM '_r([0-9]+)$')::int), 1)"
    " FROM pg_class WHERE relnamespace = 'projections'::regnamespace AND relkind = 'r'"
    " AND relname ~ ('^' || %s || '_r[0-9]+$')"
)
_INDEXES: LiteralString = "SELECT projections.indexes_like(%s, %s)"
_RETIRE: LiteralString = (
    "INSERT INTO projections.retired (table_name) SELECT relname FROM pg_class"
    " WHERE relnamespace = 'projections'::regnamespace AND relname = ANY(%s)"
    " ON CONFLICT DO NOTHING"
)
# A name that nothing points to: retired long enough, or never finished.
_DROPPABLE: LiteralString = (
    "SELECT c.relname FROM pg_class c LEFT JOIN projections.retired r ON r.table_name = c.relname"
    " WHERE c.relnamespace = 'projections'::regnamespace AND c.relkind = 'r'"
    " AND (r.retired_at < clock_timestamp() - %s * interval '1 s'"
    "      OR r.table_name IS NULL AND c.relname ~ '_r[0-9]+$')"
    " AND NOT EXISTS (SELECT FROM projections.current p WHERE p.table_name = c.relname)"
    " ORDER BY 1"
)


def make_beside(connection: Connection, layout: Layout, table: TableSpec) -> str:
    """The name of a new table like the one in use, without rows or indexes."""
    [[name]] = connection.execute(_NEXT, (table.name, table.name)).fetchall()
    connection.execute("SELECT projections.make_like(%s, %s)", (layout.place(table.name), name))
    return str(name)


def index_like(connection: Connection, layout: Layout, table: TableSpec, name: str) -> None:
    """Give the filled table the key and the indexes of the one in use, and its statistics."""
    definitions = connection.execute(_INDEXES, (layout.place(table.name), name)).fetchall()
    for (definition,) in definitions:  # A statement each, so that no snapshot lives for all.
        connection.execute(definition)
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(SCHEMA, name)))


def copy_in(connection: Connection, table: TableSpec, name: str, rows: Sequence[Values]) -> None:
    """Add rows in bulk."""
    for at in range(0, len(rows), _COPIED_ROWS):
        _copy_in(connection, table, name, rows[at : at + _COPIED_ROWS])


def _copy_in(connection: Connection, table: TableSpec, name: str, rows: Sequence[Values]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.names()))
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(SCHEMA, name), columns
    )
    with connection.cursor().copy(query) as copy:
        copy.write(pack_copied(table.columns, rows))


def retire(connection: Connection, *names: str) -> None:
    """Nothing points to these tables any more; what is gone already is no matter."""
    connection.execute(_RETIRE, (list(names),))


def droppable(connection: Connection, *, left_for_s: float = LEFT_FOR_S) -> list[str]:
    """The tables that were left for so long, or never finished, by name."""
    return [name for (name,) in connection.execute(_DROPPABLE, (left_for_s,))]


def drop(connection: Connection, name: str) -> bool:
    """False when it has to stay, because a long transaction has read from it."""
    try:
        with connection.transaction():
            # Whoever comes to read it waits behind this, so it does not wait long itself.
            connection.execute("SET LOCAL lock_timeout = '200ms'")
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(SCHEMA, name)))
            connection.execute("DELETE FROM projections.retired WHERE table_name = %s", (name,))
    except errors.LockNotAvailable:
        return False
    return True
