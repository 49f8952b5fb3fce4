"""Which version of each projection is read at present, and in which table it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from projections.engine.log import Connection
from projections.engine.making import retire
from projections.engine.projection import Projection

_CURRENT: LiteralString = "SELECT name, version, table_name FROM projections.current ORDER BY name"
_LEFT: LiteralString = "SELECT table_name FROM projections.current WHERE name = %s"
_POINT: LiteralString = (
    "INSERT INTO projections.current (name, version, declared, table_name)"
    " VALUES (%s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET version = excluded.version,"
    " declared = excluded.declared, table_name = excluded.table_name"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """`table`: its name in the schema `projections`."""

    name: str
    version: int
    table: str


def pointers(connection: Connection) -> list[Pointer]:
    """Every projection once, by name."""
    return [Pointer(*row) for row in connection.execute(_CURRENT)]


def point_to(connection: Connection, projection: Projection, table: str) -> None:
    """From now on this table has the projection's rows; what had them is left."""
    declared = projection.table.name
    left = [name for (name,) in connection.execute(_LEFT, (projection.name,))]
    connection.execute(_POINT, (projection.name, projection.version, declared, table))
    # The declared one too: of a new version it is the empty one that a migration has made.
    retire(connection, declared, *left)
