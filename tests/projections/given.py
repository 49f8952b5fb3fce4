"""What is shown, told as stories: given what happened, when that happens, then this is shown.

A story is told in memory, and again on Postgres: there the projector applies it event by event, and
whatever is read back from the tables must equal what was made in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard
from uuid import UUID

import orjson
import psycopg
from psycopg import sql

from projections.catalog import CATALOG
from projections.engine import columns
from projections.engine.checkpoint import Lease
from projections.engine.folding import Batch
from projections.engine.log import Connection
from projections.engine.projection import Additions, Mirror, Primary, TableSpec, Values
from projections.engine.projector import Projector
from tests.embedded import SUPERUSER, Server
from tests.projections.story import MARA, NORTH, Story, stream, write_log
from write_model.kernel.messages import Event, Recorded
from write_model.kernel.settings import TAILER

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Happening:
    """An event with what it happens to, who caused it and when; bare ones are the forklift's."""

    event: Event
    to: str = "forklift"
    by: UUID = MARA
    at: datetime | None = None
    tenant: UUID = NORTH


@dataclass(frozen=True)
class Shown:
    """Every row of every table, by the name of the table; values as JSON and psycopg have them."""

    rows: Mapping[str, Sequence[Fields]]

    def row(self, table: TableSpec, id_: UUID) -> Fields:
        [row] = [row for row in self.rows[table.name] if row["id"] == id_]
        return row

    def document(self, id_: UUID) -> Fields:
        [document] = [
            row["document"]
            for primary in CATALOG.primaries()
            for row in self.rows[primary.table.name]
            if row["id"] == id_
        ]
        return document  # type: ignore[no-any-return]  # JSON


World = Callable[[Sequence[Recorded]], Shown]
"""Where a story is told: events in, rows out."""


@dataclass(frozen=True)
class Given:
    """The beginning of every story."""

    world: World

    def __call__(self, *before: Event | Happening) -> Before:
        return Before(self.world, tuple(map(_happening, before)))


@dataclass(frozen=True)
class Before:
    """What has happened."""

    world: World
    events: tuple[Happening, ...]

    def when(self, *events: Event | Happening) -> Then:
        """The last of them is what is asked about."""
        now = tuple(map(_happening, events))
        story = Story()
        for each in (*self.events, *now):
            story.tell(each.to, each.event, tenant=each.tenant, by=each.by, occurred=each.at)
        return Then(self.world(story.events), stream(now[-1].to), len(self.events))


@dataclass(frozen=True)
class Then:
    """What is shown. Of a mapping only the keys that are named must be so, however deep."""

    shown: Shown
    subject: UUID
    since: int

    def then_document(self, **fields: Any) -> Then:
        """The record's document has these fields."""
        assert _part(self.shown.document(self.subject), fields) == fields
        return self

    def then_row(self, projection: Primary | Mirror, **fields: Any) -> Then:
        """The record's row of this projection has these columns."""
        assert _part(self.shown.row(projection.table, self.subject), fields) == fields
        return self

    def then_adds(self, projection: Additions, *rows: Fields) -> Then:
        """What has happened since then adds exactly these rows, in this order."""
        every = self.shown.rows[projection.table.name]
        added = [row for row in every if row["position"] > self.since]
        assert _part(added, rows) == list(rows)
        return self


def in_memory(events: Sequence[Recorded]) -> Shown:
    """Folded at once, without a database."""
    batch = Batch(CATALOG, known={})
    batch.fold(events)
    for row in batch.rows.values():
        assert orjson.loads(orjson.dumps(row)) == row, "read back from its table it must be equal"
    tables = batch.tables(events)
    return Shown({t.name: _sorted(_fields(t, tables.get(t.name, ()))) for t in CATALOG.tables()})


def on_postgres(server: Server) -> World:
    """Applied by a projector, one event at a time, to a new database."""

    def told(events: Sequence[Recorded]) -> Shown:
        with (
            server.database() as database,
            psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as log,
            psycopg.connect(database.conninfo(TAILER), autocommit=True) as tailer,
        ):
            write_log(log, events)
            projector = Projector(tailer, CATALOG, Lease(UUID(int=1)), batch_events=1)
            while projector.step():
                pass
            shown = Shown({t.name: _sorted(_read(tailer, t)) for t in CATALOG.tables()})
        assert shown == in_memory(events)
        return shown

    return told


def _happening(event: Event | Happening) -> Happening:
    return event if isinstance(event, Happening) else Happening(event)


def _read(connection: Connection, table: TableSpec) -> list[Fields]:
    names = sql.SQL(", ").join(map(sql.Identifier, table.names()))
    query = sql.SQL("SELECT {} FROM projections.{}").format(names, sql.Identifier(table.name))
    return _fields(table, connection.execute(query))


def _fields(table: TableSpec, rows: Iterable[Values]) -> list[Fields]:
    return [
        {c.name: _plain(c.type, value) for c, value in zip(table.columns, row, strict=True)}
        for row in rows
    ]


def _plain(type_: columns.Type, value: Any) -> Any:
    if type_ is columns.JSON:
        return orjson.loads(value)
    return [str(id_) for id_ in value] if type_ is columns.UUIDS else value


def _sorted(rows: Iterable[Fields]) -> list[Fields]:
    return sorted(rows, key=lambda row: (str(row.get("id")), row.get("position", 0), str(row)))


def _part(actual: Any, expected: Any) -> Any:
    """Of `actual` what `expected` names, so that a difference is told by it alone."""
    if _is_mapping(actual) and _is_mapping(expected):
        return {name: _part(actual[name], value) for name, value in expected.items()}
    if _is_list(actual) and len(actual) == len(expected or ()):
        return [_part(*pair) for pair in zip(actual, expected, strict=True)]
    return actual


def _is_mapping(value: object) -> TypeGuard[Fields]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
