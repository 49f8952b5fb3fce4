"""What a projection declares: its topics, its pure fold, its table and its version.

A *primary* projection folds each stream into one row, a plain document. A *derived* one is a
function of the primary row before and after an event: either rows that are added per event
(`Additions`), or a second row per stream that mirrors the document (`Mirror`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

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

    `columns`: all that it has, in its order, because rows travel whole.
    """

    name: str
    columns: tuple[Column, ...]
    is_keyed: bool = True
    """Whether rows are replaced by `id` (the stream), or only ever added."""

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


Projection = Primary | Mirror | Additions
