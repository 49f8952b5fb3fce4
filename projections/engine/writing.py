"""Table rows to Postgres and back, one statement per batch whatever its tables and rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

import orjson
import psycopg
from psycopg import adapt, pq, sql

from projections.engine import columns
from projections.engine.checkpoint import MOVE, LostLease
from projections.engine.columns import PackedArray, RowType, pack, pack_rows
from projections.engine.log import Connection
from projections.engine.projection import Row, TableSpec, Values

_SCHEMA = "projections"
_MOVE_PARAMETERS = 5

# The log is what must not be lost: a lost batch is folded again. A plan made for each batch would
# cost more than the batch, and comes out the same.
_AS_WE_WRITE: LiteralString = (
    "SELECT set_config('synchronous_commit', 'off', false),"
    " set_config('plan_cache_mode', 'force_generic_plan', false)"
)


_ROW_TYPE: LiteralString = (
    "SELECT t.oid, t.typarray FROM pg_class c JOIN pg_type t ON t.oid = c.reltype"
    " WHERE c.oid = %s::regclass"
)


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


@dataclass(slots=True)
class Writer:
    """Writes whole batches, each with one statement: a transaction of one round trip.

    Ten events at a time cost under half of what a statement per table does (measured).
    """

    connection: Connection
    tables: Mapping[str, TableSpec]
    _statements: dict[tuple[str, ...], bytes] = field(default_factory=dict[tuple[str, ...], bytes])
    _row_types: dict[str, RowType] = field(default_factory=dict[str, RowType])

    def __post_init__(self) -> None:
        self.connection.adapters.register_dumper(PackedArray, _PackedDumper)
        self.connection.execute(_AS_WE_WRITE)

    def write(self, move: Sequence[object], rows: Mapping[str, Sequence[Values]]) -> None:
        """Move the checkpoint and add the rows of each table; keyed ones replace their like.

        Raises: LostLease when the checkpoint was not ours to move; then nothing was written.
        """
        arrays = (pack_rows(self._row_type(name), values) for name, values in rows.items())
        parameters = (*move, *arrays)
        with psycopg.RawCursor(self.connection) as cursor:
            cursor.execute(self._statement(tuple(rows)), parameters, prepare=True)
            if not cursor.rowcount:
                raise LostLease

    def _row_type(self, name: str) -> RowType:
        known = self._row_types.get(name)
        return known or self._row_types.setdefault(name, self._asked_for(name))

    def _asked_for(self, name: str) -> RowType:
        [row] = self.connection.execute(_ROW_TYPE, (f"{_SCHEMA}.{name}",)).fetchall()
        oid, array_oid = row
        return RowType(oid, array_oid, self.tables[name].columns)

    def _statement(self, names: tuple[str, ...]) -> bytes:
        known = self._statements.get(names)
        return known or self._statements.setdefault(names, self._composed(names))

    def _composed(self, names: Iterable[str]) -> bytes:
        numbered = enumerate(names, start=_MOVE_PARAMETERS + 1)
        parts = [_insert(self.tables[name], number) for number, name in numbered]
        query = sql.SQL("WITH moved AS ({}) {} SELECT position FROM moved").format(
            sql.SQL(MOVE), sql.SQL("").join(parts)
        )
        return query.as_bytes(self.connection)


def read_rows(connection: Connection, table: TableSpec, ids: Collection[UUID]) -> dict[int, Row]:
    """The documents that a primary projection wrote for these streams, by their ids as integers."""
    query = sql.SQL("SELECT id, document FROM {} WHERE id = ANY(%s)").format(_name(table))
    with connection.cursor(binary=True) as cursor:
        return {
            id_.int: orjson.loads(text)
            for id_, text in cursor.execute(query, (pack(columns.UUID, list(ids)),))
        }


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


def _insert(table: TableSpec, number: int) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, table.names()))
    query = sql.SQL(
        ", {} AS (INSERT INTO {} ({}) SELECT {} FROM unnest(${}) AS r"
        " WHERE EXISTS (SELECT FROM moved){})"
    )
    return query.format(
        sql.Identifier(table.name),
        _name(table),
        names,
        names,
        sql.Literal(number),
        _on_conflict(table) if table.is_keyed else sql.SQL(""),
    )


def _on_conflict(table: TableSpec) -> sql.Composed:
    replaced = (
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
        for name in table.names()
        if name != "id"
    )
    return sql.SQL(" ON CONFLICT (id) DO UPDATE SET {}").format(sql.SQL(", ").join(replaced))
