"""Back to an earlier position, when the log was restored and its lost tail had been applied."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import orjson
from psycopg import sql

from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lease, LostLease
from projections.engine.folding import Batch
from projections.engine.log import Connection, LogEnd, read_streams
from projections.engine.parking import forget_after, parked_streams, skipped_positions
from projections.engine.projection import Primary, Row, Values
from projections.engine.sending import Sender
from projections.engine.tallying import difference
from projections.engine.writing import Writer, delete_rows

Touched = Mapping[UUID, tuple[UUID, Row]]
"""Stream -> its organization and its document, as they stand in the tables."""


def rewind(
    sender: Sender,
    writer: Writer,
    catalog: Catalog,
    lease: Lease,
    *,
    since: int,
    to: int,
    end: LogEnd,
) -> None:
    """Undo everything past position `to`; records that were touched there are folded again.

    Where nothing is past it, only the checkpoint learns of the epoch. Raises: LostLease.
    """
    with writer.connection.transaction():
        lease.hold(writer.connection)
        again = _taken_back(writer, catalog, to=to) if to < since else {}
        move = lease.move(since=since, to=to, epoch=end.epoch)
        if not sender.ask(writer.statement(move, again)):
            raise LostLease


def _taken_back(writer: Writer, catalog: Catalog, *, to: int) -> dict[str, list[Values]]:
    """What is to be written in the place of what is deleted here."""
    connection = writer.connection
    # No index knows log positions: it would cost each batch a tenth, and this almost never is.
    connection.execute("SET LOCAL statement_timeout = 0")
    touched = {each.name: _touched(writer, each, after=to) for each in catalog.primaries()}
    streams = {stream for found in touched.values() for stream in found}
    for table in catalog.tables():
        place = writer.layout.name(table.name)
        delete_rows(connection, table, place, after=to, streams=streams)
    forget_after(connection, to)
    return _folded_again(connection, catalog, touched, through=to)


def _touched(writer: Writer, primary: Primary, *, after: int) -> Touched:
    query = sql.SQL("SELECT id, tenant_id, document FROM {} WHERE position > %s")
    place = writer.layout.name(primary.table.name)
    found = writer.connection.execute(query.format(place), (after,))
    return {stream: (tenant, orjson.loads(document)) for stream, tenant, document in found}


def _folded_again(
    connection: Connection, catalog: Catalog, touched: Mapping[str, Touched], *, through: int
) -> dict[str, list[Values]]:
    batch = Batch(catalog, {}, parked_streams(connection), skipped_positions(connection))
    streams = {stream for found in touched.values() for stream in found}
    events = read_streams(connection, list(streams), through)
    batch.fold(events)
    tables = batch.tables(events)
    again = {name: rows for name, rows in tables.items() if catalog.table(name).is_keyed}
    return again | _counts(catalog, touched, batch.rows)


def _counts(
    catalog: Catalog, touched: Mapping[str, Touched], rows: Mapping[int, Row]
) -> dict[str, list[Values]]:
    return {
        tally.table.name: difference(
            tally, [(tenant, row, rows.get(id_.int)) for id_, (tenant, row) in found.items()]
        )
        for primary in catalog.primaries()
        if (found := touched[primary.name])
        for tally in catalog.tallies_of(primary)
    }
