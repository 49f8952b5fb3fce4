"""Where each projection's table stands now: a rebuild puts another in its place and points there.

Queries name tables as they were declared; a reader puts in what is pointed to. The number of the
layout comes with every answer: one that was asked of a table left meanwhile is asked again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import LiteralString

from psycopg import sql

from read_model import tables
from write_model.kernel.errors import NotShownYet

SCHEMA = "projections"

POINTERS: LiteralString = (
    "SELECT layout, (SELECT jsonb_object_agg(declared, table_name) FROM projections.current)"
    " FROM projections.checkpoint WHERE name = 'all'"
)
"""The fields of `Layout`."""

NUMBER: LiteralString = "SELECT layout FROM projections.checkpoint WHERE name = 'all'"

_DECLARED = re.compile(rb'"projections"\."(\w+)"')
_NAMED = {
    name.decode(): name.decode()
    for name in _DECLARED.findall(b" ".join(table.as_bytes() for table in tables.PROJECTED))
}

Query = sql.SQL | sql.Composed | bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """`places`: the table as it is declared -> the table that has its rows now."""

    number: int = 0
    places: Mapping[str, str] = field(default_factory=dict[str, str])

    def place(self, declared: str) -> str:
        return self.places.get(declared, declared)

    def name(self, declared: str) -> sql.Identifier:
        return sql.Identifier(SCHEMA, self.place(declared))

    def placed(self, query: Query) -> bytes:
        """The query with the tables that have the rows now; the same while none was rebuilt.

        Raises: NotShownYet for a table of another release.
        """
        text = query if isinstance(query, bytes) else query.as_bytes()
        return text if self.places == _NAMED else _DECLARED.sub(self._placed, text)

    def _placed(self, match: re.Match[bytes]) -> bytes:
        declared = match[1].decode()
        if self.number and declared in _NAMED and declared not in self.places:
            raise NotShownYet
        return b'"projections"."%b"' % self.place(declared).encode()
