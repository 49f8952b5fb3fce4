"""Table rows to Postgres and back, one statement per table whatever the number of rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from psycopg import adapt, pq, sql
from pydantic_core import from_json

from projections.engine.columns import Column, PackedArray, pack
from projections.engine.log import Connection
from projections.engine.projection import Row, TableSpec, Values

_SCHEMA = "projections"


class _PackedDumper(adapt.Dumper):
    format = pq.Format.BINARY

    def dump(self, obj: PackedArray) -> bytes:
        return obj.data

    def get_key(self, obj: PackedArray, format: adapt.PyFormat) -> Any:  # noqa: A002 (psycopg's)
        return PackedArray, obj.oid

    def upgrade(self, obj: PackedArray, format: adapt.PyFormat) -> adapt.Dumper:  # noqa: A002 (same)
        dumper = _PackedDumper(PackedArray, None)
        dumper.oid = obj.oid
        return dumper


def teach_packed_arrays(connection: Connection) -> None:
    """Let a connection take `PackedArray` parameters."""
    connection.adapters.register_dumper(PackedArray, _PackedDumper)


def write_rows(connection: Connection, table: TableSpec, rows: Sequence[Values]) -> None:
    """Add rows; in a keyed table they replace those of the same id."""
    columns = zip(table.columns, zip(*rows, strict=True), strict=True)
    arrays = [pack(column.type, values) for column, values in columns]
    connection.execute(_insert(table), arrays)


def read_rows(connection: Connection, table: TableSpec, ids: Collection[UUID]) -> dict[UUID, Row]:
    """The documents that a primary projection wrote for these streams."""
    query = sql.SQL("SELECT id, document FROM {} WHERE id = ANY(%s)").format(_name(table))
    with connection.cursor(binary=True) as cursor:
        return {id_: from_json(text) for id_, text in cursor.execute(query, (list(ids),))}


def delete_rows(
    connection: Connection, table: TableSpec, *, after: int, streams: Collection[UUID]
) -> None:
    """Take back what was written for positions past `after`: rows added, documents changed."""
    if table.is_keyed:
        query = sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(_name(table))
        connection.execute(query, (list(streams),))
        return
    query = sql.SQL("DELETE FROM {} WHERE position > %s").format(_name(table))
    connection.execute(query, (after,))


def _name(table: TableSpec) -> sql.Identifier:
    return sql.Identifier(_SCHEMA, table.name)


def _insert(table: TableSpec) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, table.names()))
    query = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM unnest({}) AS t ({})").format(
        _name(table),
        names,
        sql.SQL(", ").join(map(_arrived, table.columns)),
        sql.SQL(", ").join(sql.Placeholder() for _ in table.columns),
        names,
    )
    return query + _on_conflict(table) if table.is_keyed else query


def _arrived(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    if not column.type.is_cast:
        return name
    return sql.SQL("{}::{}").format(name, sql.SQL(column.type.name))


def _on_conflict(table: TableSpec) -> sql.Composed:
    replaced = (
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
        for name in table.names()
        if name != "id"
    )
    return sql.SQL(" ON CONFLICT (id) DO UPDATE SET {}").format(sql.SQL(", ").join(replaced))
