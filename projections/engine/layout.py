"""Where each table stands now: a rebuild puts another in its place and points there.

The pointers are read when the lease is taken. `number` rises with every swap, and the checkpoint
moves only under the number that the writer knows: nothing is written into a table that was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import LiteralString

from psycopg import sql

from projections.engine.log import Connection
from projections.engine.projection import TableSpec

SCHEMA = "projections"

_POINTERS: LiteralString = (
    "SELECT layout, (SELECT jsonb_object_agg(declared, table_name) FROM projections.current)"
    " FROM projections.checkpoint WHERE name = 'all'"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """`places`: the table as it is declared -> the table that has its rows now."""

    number: int = 1
    places: Mapping[str, str] = field(default_factory=dict[str, str])

    def place(self, table: TableSpec) -> str:
        return self.places.get(table.name, table.name)

    def name(self, table: TableSpec) -> sql.Identifier:
        return sql.Identifier(SCHEMA, self.place(table))


def read_layout(connection: Connection) -> Layout:
    """The pointers as they are now."""
    [row] = connection.execute(_POINTERS).fetchall()
    return Layout(*row)
