"""Some of the log's records, for a rebuild that is to touch no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from projections.engine.log import Connection

_RANGE_EVENTS = 100_000
"""Passed in about 0.1 s: no snapshot grows old, and whoever watches sees it go on."""

# A record is met once: at its first event, or at the first one that is not before `since`. There
# the event before it is looked up: as a join, each range would read all that follows `since`.
_FIRST: LiteralString = "e.number IS NOT NULL"
_FIRST_SINCE: LiteralString = (
    "e.notification_id >= {} AND coalesce((SELECT b.notification_id FROM log.events b"
    " WHERE b.originator_id = e.originator_id AND b.originator_version = e.originator_version - 1),"
    " 0) < {}"
)
_CHOSEN: LiteralString = (
    "SELECT e.originator_id, (SELECT max(l.originator_version) FROM log.events l"
    " WHERE l.originator_id = e.originator_id)"
    " FROM log.events e WHERE e.notification_id > {} AND e.notification_id <= {} AND {}"
    " ORDER BY e.notification_id"
)
_REFERRED_TO: LiteralString = (
    "SELECT originator_id FROM log.events"
    " WHERE tenant_id = %s AND split_part(topic, '.', 1) = %s AND number = %s"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Records of which all that is said holds; None says nothing.

    `kind`: the first part of topics. `since`: with an event at this position of the log or later.
    """

    tenant: UUID | None = None
    stream: UUID | None = None
    kind: str | None = None
    since: int | None = None

    def condition(self) -> sql.Composed:
        conditions: list[sql.Composable] = [sql.SQL(_FIRST)]
        if self.since is not None:
            conditions = [sql.SQL(_FIRST_SINCE).format(self.since, self.since)]
        if self.tenant is not None:
            conditions.append(sql.SQL("e.tenant_id = {}").format(self.tenant))
        if self.stream is not None:
            conditions.append(sql.SQL("e.originator_id = {}").format(self.stream))
        if self.kind is not None:
            conditions.append(sql.SQL("split_part(e.topic, '.', 1) = {}").format(self.kind))
        return sql.SQL(" AND ").join(conditions)


EVERYTHING = Choice()


def is_anything(connection: Connection, choice: Choice) -> bool:
    """Whether the log has a record that is chosen."""
    query = sql.SQL("SELECT FROM log.events e WHERE {} LIMIT 1").format(choice.condition())
    return connection.execute(query).fetchone() is not None


def referred_to(connection: Connection, tenant: UUID, kind: str, number: int) -> UUID | None:
    """The record that an organization calls by this number."""
    row = connection.execute(_REFERRED_TO, (tenant, kind, number)).fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True)
class Chosen:
    stream: UUID
    events: int


def chosen(
    connection: Connection, choice: Choice, *, through: int
) -> Iterator[tuple[int, list[Chosen]]]:
    """Up to a position, by range: how far the log is passed, and the records met in it."""
    after = 0 if choice.since is None else max(choice.since - 1, 0)
    for since, to in pairwise([*range(after, through, _RANGE_EVENTS), through]):
        query = sql.SQL(_CHOSEN).format(since, to, choice.condition())
        yield to, [Chosen(*row) for row in connection.execute(query)]


def batches(records: Iterable[Chosen], *, at_most: int) -> Iterator[Sequence[Chosen]]:
    """In order, each of so many events together, or of one record that has more."""
    batch, events = list[Chosen](), 0
    for record in records:
        if batch and events + record.events > at_most:
            yield batch
            batch, events = [], 0
        batch.append(record)
        events += record.events
    if batch:
        yield batch
