"""What a projection declares: its topics, its pure fold, its table and its version.

A *primary* projection folds each stream into one row, a plain document. A *derived* one is a
function of the primary row before and after an event: rows that are added per event (`Additions`),
a second row per stream that mirrors the document (`Mirror`), or counts of documents by what they
say (`Tally`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

from projections.engine.columns import Column
from projections.engine.transition import Transition
from write_model.kernel.messages import Recorded

Row = Mapping[str, Any]
"""An immutable document that JSON can hold: read back from its table it is equal."""

Values = tuple[Any, ...]
"""One table row, in the order of the table's columns."""

Header = Literal[
    "epoch",
    "tenant",
    "tenant_position",
    "number",
    "actor",
    "command",
    "correlation",
    "causation",
    "recorded_at",
    "occurred_at",
    "source",
]
"""A field of `Recorded`. Its others are read for every projection: event, topic, schema version,
stream, version and position."""

EVERY_HEADER: tuple[Header, ...] = get_args(Header)


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table of the schema `projections`; it has a key `id` where rows are replaced.

    `columns`: all that are written, in its order, because rows travel whole. `generated`: those
    behind them that it makes itself.
    """

    name: str
    columns: tuple[Column, ...]
    is_keyed: bool = True
    """Whether rows are replaced by `id` (the stream), or only ever added."""
    is_counted: bool = False
    """Whether the last column is a count, to be added to the one under the same other columns;
    these are the table's key, and a count that comes to 0 is no row."""
    generated: tuple[Column, ...] = ()

    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class Primary:
    """`values(row, recorded)`: the table row, once per batch, with the stream's last event.

    The table keeps the row itself in its column `document`.
    """

    name: str
    version: int
    topics: tuple[str, ...]
    """First parts of topics: `incident` for `incident.declared`."""
    table: TableSpec
    fold: Callable[[Row | None, Recorded], Row]
    values: Callable[[Row, Recorded], Values]
    headers: Collection[Header] = EVERY_HEADER
    """What `fold` uses of `Recorded`; a rebuild folds without the others."""
    values_headers: Collection[Header] = EVERY_HEADER
    """What `values` uses of it."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """Another row per stream of a primary projection, from the same document."""

    name: str
    version: int
    of: str
    table: TableSpec
    values: Callable[[Row, Recorded], Values]
    values_headers: Collection[Header] = EVERY_HEADER
    of_fields: tuple[str, ...] = ()
    """All that `values` reads of the document: while they stay the same, no row is written.

    Without them every event writes one. A fold shares what an event does not touch, so that the
    same object tells of the same value.
    """


@dataclass(frozen=True, slots=True)
class Additions:
    """Rows that an event adds for good; without `topics` it hears every event."""

    name: str
    version: int
    table: TableSpec
    rows: Callable[[Transition], tuple[Values, ...]]
    topics: tuple[str, ...] = ()
    headers: Collection[Header] = EVERY_HEADER
    """What `rows` uses of `Recorded`."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of a primary's documents say the same.

    `keys(row, tenant)`: under which keys the document counts, each the values of the table's
    columns without the last; none of them may be null.
    """

    name: str
    version: int
    of: str
    table: TableSpec
    keys: Callable[[Row, UUID], tuple[Values, ...]]


Projection = Primary | Mirror | Additions | Tally
