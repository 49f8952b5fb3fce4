"""Back to an earlier position, when the log was restored and its lost tail had been applied."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from psycopg import sql

from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lease, LostLease
from projections.engine.folding import Batch
from projections.engine.log import Connection, LogEnd, read_streams
from projections.engine.parking import forget_after, parked_streams
from projections.engine.projection import Values
from projections.engine.sending import Sender
from projections.engine.writing import Writer, delete_rows


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

    Raises: LostLease.
    """
    connection = writer.connection
    with connection.transaction():
        # No index knows log positions: it would cost each batch a tenth, and this almost never is.
        connection.execute("SET LOCAL statement_timeout = 0")
        streams = set(_touched(writer, catalog, after=to))
        for table in catalog.tables():
            place = writer.layout.name(table.name)
            delete_rows(connection, table, place, after=to, streams=streams)
        forget_after(connection, to)
        again = _folded_again(connection, catalog, streams, through=to)
        move = lease.move(since=since, to=to, epoch=end.epoch)
        if not sender.ask(writer.statement(move, again)):
            raise LostLease


def _touched(writer: Writer, catalog: Catalog, *, after: int) -> Iterable[UUID]:
    for primary in catalog.primaries():
        place = writer.layout.name(primary.table.name)
        query = sql.SQL("SELECT id FROM {} WHERE position > %s").format(place)
        yield from (stream for (stream,) in writer.connection.execute(query, (after,)))


def _folded_again(
    connection: Connection, catalog: Catalog, streams: set[UUID], *, through: int
) -> dict[str, list[Values]]:
    batch = Batch(catalog, {}, parked_streams(connection))
    events = read_streams(connection, list(streams), through)
    batch.fold(events)
    return {
        name: rows for name, rows in batch.tables(events).items() if catalog.table(name).is_keyed
    }
