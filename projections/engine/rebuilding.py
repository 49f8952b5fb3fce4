"""A projection folded anew beside the one in use, and put in its place in one moment.

The log is copied out up to the checkpoint, folded, and copied into new tables; these get their
indexes and catch up; then, while the projector waits, the last events go in and the pointers are
set. Readers notice nothing. Whatever ends a rebuild before that moment leaves only tables that
nobody points to, which the next one drops.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import LiteralString

import psycopg

from projections.engine.alone import alone
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import applied
from projections.engine.copying import Part, copied
from projections.engine.layout import read_layout
from projections.engine.log import Connection
from projections.engine.making import copy_in, drop, droppable, index_like, make_beside
from projections.engine.parking import is_poison, reason_for
from projections.engine.progress import Phase, Progress, Told
from projections.engine.recounting import to_recount
from projections.engine.refolding import Refolding, Tables
from projections.engine.swapping import Successor
from projections.engine.wanted import Wanted
from read_model.layout import Layout
from write_model.kernel.messages import Recorded

STREAMS_AT_ONCE = 200_000
"""About 3 KB each; more are folded in parts."""

# An index of millions of rows takes longer than any other statement may; nobody waits for it.
_AT_LEISURE: LiteralString = (
    "SELECT set_config('statement_timeout', '0', false),"
    " set_config('maintenance_work_mem', '256MB', false)"
)
# Numbers are dense in each organization and kind, so the last ones count the streams: some probes
# of an index, where counting reads all of it.
_STREAMS: LiteralString = """
    WITH RECURSIVE lasts AS (
        (SELECT tenant_id, split_part(topic, '.', 1) AS kind, number FROM log.events
          WHERE number IS NOT NULL ORDER BY 1 DESC, split_part(topic, '.', 1) DESC, 3 DESC LIMIT 1)
        UNION ALL
        SELECT n.tenant_id, n.kind, n.number FROM lasts l CROSS JOIN LATERAL (
            SELECT e.tenant_id, split_part(e.topic, '.', 1) AS kind, e.number FROM log.events e
             WHERE e.number IS NOT NULL
               AND (e.tenant_id, split_part(e.topic, '.', 1)) < (l.tenant_id, l.kind)
             ORDER BY e.tenant_id DESC, split_part(e.topic, '.', 1) DESC, e.number DESC
             LIMIT 1) n
    ) SELECT coalesce(sum(number), 0) FROM lasts
"""


class RowsRefused(Exception):
    """A new table or its indexes cannot take what the log says; the next try would end alike."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`swap_s`: how long the projector waited. `parked`: events that could not be folded."""

    events: int
    seconds: float
    swap_s: float
    parked: int


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Rebuilds projections on a connection of its own, as the tailer."""

    connection: Connection
    catalog: Catalog
    told: Told
    streams_at_once: int = STREAMS_AT_ONCE

    def of(self, names: Collection[str]) -> Rebuilt:
        """Put what the log says now in the place of these projections' tables, and of the tallies
        of their documents in the same moment.

        Tallies that wait to be recounted since a mending was killed are made anew with them.
        Raises: KeyError for an unknown name; AlreadyRebuilding; RowsRefused; LogRestored;
        UnknownTopic; psycopg.Error.
        """
        with alone(self.connection):
            recounts = to_recount(self.connection, self.catalog)
            named = (*names, *recounts)
            wanted = Wanted.of(self.catalog, self.catalog.with_tallies(named))
            began = perf_counter()
            self.connection.execute(_AT_LEISURE)
            _drop_left(self.connection)
            layout = read_layout(self.connection)
            position, epoch = applied(self.connection)
            made = self._made(wanted, layout)
            parked = self._fill(wanted, made, position)
            self._index(wanted, layout, made, position)
            successor = Successor(
                self.connection, wanted, made, epoch, parked.letters, parked.found()
            )
            swap_s = successor.succeed(position, self.told)
            return Rebuilt(position, perf_counter() - began, swap_s, len(successor.letters))

    def _made(self, wanted: Wanted, layout: Layout) -> Mapping[str, str]:
        tables = [projection.table for projection in wanted.projections]
        return {table.name: make_beside(self.connection, layout, table) for table in tables}

    def _fill(self, wanted: Wanted, made: Mapping[str, str], through: int) -> Refolding:
        """Fold the log part by part, so that memory holds one part's documents."""
        parts = self._parts()
        refolding = Refolding.begun(self.connection, wanted)
        with _another(self.connection) as reading:
            for number in range(parts):
                part = Part(number, parts, wanted.kinds())
                for to, events in self._copied(reading, wanted, part, through):
                    self._copy_in(wanted, made, refolding.add(events))
                    self.told(Progress(Phase.FOLDING, number * through + to, parts * through))
                for documents in refolding.documents():
                    self._copy_in(wanted, made, documents)
                refolding.forget()
        self._copy_in(wanted, made, refolding.counts())
        return refolding

    def _copied(
        self, reading: Connection, wanted: Wanted, part: Part, through: int
    ) -> Iterator[tuple[int, list[Recorded]]]:
        headers = wanted.headers()
        return copied(self.connection, reading, part, after=0, through=through, headers=headers)

    def _parts(self) -> int:
        [[streams]] = self.connection.execute(_STREAMS).fetchall()
        return max(1, -(-int(streams) // self.streams_at_once))

    def _copy_in(self, wanted: Wanted, made: Mapping[str, str], tables: Tables) -> None:
        for name, rows in tables.items():
            with _refusal_told(made[name]):
                copy_in(self.connection, wanted.catalog.table(name), made[name], rows)

    def _index(
        self, wanted: Wanted, layout: Layout, made: Mapping[str, str], position: int
    ) -> None:
        for projection in wanted.projections:
            self.told(Progress(Phase.INDEXING, position, position))
            name = made[projection.table.name]
            with _refusal_told(name):
                index_like(self.connection, layout, projection.table, name)


@contextmanager
def _refusal_told(table: str) -> Generator[None]:
    try:
        yield
    except psycopg.Error as error:
        if is_poison(error):
            raise RowsRefused(
                f"{table} refuses what the log says ({reason_for(error)})."
            ) from error
        raise


def _another(connection: Connection) -> Connection:
    """To the same database with the same settings."""
    info = connection.info
    return psycopg.connect(info.dsn, password=info.password, autocommit=True)


def drop_left(connection: Connection) -> list[str]:
    """Drop the tables that nobody reads any more; the names of those that nobody holds.

    Raises: AlreadyRebuilding: the tables that are being filled are not pointed to either.
    """
    with alone(connection):
        return _drop_left(connection)


def _drop_left(connection: Connection) -> list[str]:
    return [name for name in droppable(connection) if drop(connection, name)]
