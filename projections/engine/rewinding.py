"""Back to an earlier position, when the log was restored and its lost tail had been applied."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from psycopg import sql

from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lease
from projections.engine.folding import Batch
from projections.engine.log import Connection, LogEnd, read_streams
from projections.engine.parking import forget_after, parked_streams
from projections.engine.writing import delete_rows, write_rows


def rewind(
    connection: Connection, catalog: Catalog, lease: Lease, *, since: int, to: int, end: LogEnd
) -> None:
    """Undo everything past position `to`; records that were touched there are folded again.

    Raises: LostLease.
    """
    with connection.transaction():
        lease.move(connection, since=since, to=to, epoch=end.epoch)
        streams = set(_touched(connection, catalog, after=to))
        for table in catalog.tables():
            delete_rows(connection, table, after=to, streams=streams)
        forget_after(connection, to)
        _fold_again(connection, catalog, streams, through=to)


def _touched(connection: Connection, catalog: Catalog, *, after: int) -> Iterable[UUID]:
    for primary in catalog.primaries():
        table = sql.Identifier("projections", primary.table.name)
        query = sql.SQL("SELECT id FROM {} WHERE position > %s").format(table)
        yield from (stream for (stream,) in connection.execute(query, (after,)))


def _fold_again(
    connection: Connection, catalog: Catalog, streams: set[UUID], *, through: int
) -> None:
    batch = Batch(catalog, {}, parked_streams(connection))
    batch.fold(read_streams(connection, list(streams), through))
    for name, rows in batch.tables().items():
        if (table := catalog.table(name)).is_keyed:
            write_rows(connection, table, rows)
