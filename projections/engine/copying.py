"""The log read in bulk, range by range, so that no snapshot grows old."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import LiteralString

from psycopg import sql

from projections.engine.log import READ, Connection, recorded_of
from write_model.kernel.messages import Recorded

RANGE_EVENTS = 20_000
"""Some tenths of a second; 30 s is the longest that a snapshot may live."""

_COLUMN_TYPES = (
    *("bytea", "text", "uuid", "int8", "int8", "int4", "uuid", "int8", "int8"),
    *("uuid", "uuid", "uuid", "uuid", "timestamptz", "timestamptz", "text", "int2"),
)
"""Of `READ`, in its order."""

_COPY: LiteralString = (
    "COPY ({} WHERE notification_id > {} AND notification_id <= {} {} ORDER BY notification_id)"
    " TO STDOUT (FORMAT binary)"
)


@dataclass(frozen=True, slots=True)
class Part:
    """The streams whose hash leaves `number` when divided by `of`; `kinds`: of events, () is all.

    A part is folded at a time where all streams would not fit into memory.
    """

    number: int = 0
    of: int = 1
    kinds: Collection[str] = ()

    def condition(self) -> sql.Composed:
        conditions: list[sql.Composable] = []
        if self.of > 1:
            hashed = sql.SQL("AND (uuid_hash(originator_id) & 2147483647) % {} = {}")
            conditions.append(hashed.format(self.of, self.number))
        if self.kinds:
            of_kinds = sql.SQL("AND split_part(topic, '.', 1) = ANY({})")
            conditions.append(of_kinds.format(list(self.kinds)))
        return sql.SQL(" ").join(conditions)


def copied(
    connection: Connection, part: Part, *, after: int, through: int
) -> Iterator[tuple[int, list[Recorded]]]:
    """The events of a part between two positions, by range: how far it is read, and its events.

    Raises: UnknownTopic.
    """
    for since, to in pairwise([*range(after, through, RANGE_EVENTS), through]):
        query = sql.SQL(_COPY).format(sql.SQL(READ), since, to, part.condition())
        with connection.cursor().copy(query) as copy:
            copy.set_types(_COLUMN_TYPES)
            events = recorded_of(copy.rows())
        yield to, events
