"""Which version of each projection is read at present, and in which table it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from projections.engine.log import Connection

_CURRENT: LiteralString = "SELECT name, version, table_name FROM projections.current ORDER BY name"


@dataclass(frozen=True, slots=True)
class Pointer:
    """`table`: its name in the schema `projections`."""

    name: str
    version: int
    table: str


def pointers(connection: Connection) -> list[Pointer]:
    """Every projection once, by name."""
    return [Pointer(*row) for row in connection.execute(_CURRENT)]
