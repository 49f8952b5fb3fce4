"""The log read in bulk, block by block, so that no snapshot grows old."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from psycopg import sql

from projections.engine.blocks import Blocks
from projections.engine.log import Connection, LogRow
from projections.engine.projection import EVERY_HEADER, Header
from projections.engine.sending import Sender
from write_model.kernel.messages import Recorded

BLOCK_EVENTS = 500
"""All that is made of them fits into the processor's cache: 2,000 cost a sixth more, 20,000 a half
(measured). Of streams in parts as many are read at a time, from a longer range."""


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
            hashed = sql.SQL("AND mod(uuid_hash(originator_id) & 2147483647, {}) = {}")
            conditions.append(hashed.format(self.of, self.number))
        if self.kinds:
            # `split_part` would cost 0.4 µs an event, a tenth of a small rebuild (measured).
            of_kind = sql.SQL("starts_with(topic, {})")
            kinds = sql.SQL(" OR ").join(of_kind.format(f"{kind}.") for kind in self.kinds)
            conditions.append(sql.SQL("AND ({})").format(kinds))
        return sql.SQL(" ").join(conditions)


def copied(
    connection: Connection,
    reading: Connection,
    part: Part,
    *,
    after: int,
    through: int,
    headers: Collection[Header] = EVERY_HEADER,
) -> Iterator[tuple[int, list[Recorded]]]:
    """The events of a part between two positions, by block: how far it is read, and its events.

    `reading`: used for nothing else, because the server reads a block there while the one before
    it is folded. Raises: UnknownTopic.
    """
    blocks, sender = Blocks(connection, headers, part.condition()), Sender(reading)
    ranges = list(pairwise([*range(after, through, BLOCK_EVENTS * part.of), through]))
    rows: list[LogRow] = sender.ask(blocks.between(*ranges[0])) if ranges else []
    for (since, to), following in zip_longest(ranges, ranges[1:]):
        with sender.sent(*([blocks.between(*following)] if following else [])) as answers:
            yield to, blocks.ordered(rows, after=since, through=to)
        rows = answers.rows() if following else []
