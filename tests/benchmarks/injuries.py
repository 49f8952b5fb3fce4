"""Invented histories with injured persons in them: of three events one has a sealed field.

The generator's own have none, like the old log that it follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from uuid import UUID

import uvloop

from tests.benchmarks.forklift import PEOPLE, Keys, subject_keys
from tests.benchmarks.histories import injury
from workers.importing.telling import Block, Teller, tell
from write_model.histories import Histories, Told
from write_model.kernel.records import Record
from write_model.kernel.store.recorded_event import Append, RecordedEvent

_LONGEST = 140
"""Events, as in the real log: a longer past would be another question than the one it asks."""


def tell_with_injuries(teller: Teller, numbers: range) -> Block:
    """As `tell`, which does everything else."""
    keys = _known.get(teller.by.tenant) or _asked(teller)
    return tell(teller, numbers, histories=partial(InjuredHistories, keys=keys))


@dataclass(frozen=True, slots=True)
class InjuredHistories(Histories):
    keys: Keys

    async def _written(self, append: Append, record: Record) -> Told:
        injured = append._replace(rows=tuple(_with_injuries(append.rows, self.keys)))
        told = await Histories._written(self, injured, record)
        return told._replace(commands=len({row.command for row in append.rows}))


_known: dict[UUID, Keys] = {}
"""By organization: a process tells many blocks."""


def _asked(teller: Teller) -> Keys:
    keys = uvloop.run(subject_keys(teller.settings, [teller.by.tenant]))
    return _known.setdefault(teller.by.tenant, keys)


def _with_injuries(rows: Sequence[RecordedEvent], keys: Keys) -> Iterator[RecordedEvent]:
    """One more event after every second, as long as the story does not become too long."""
    left, versions = _LONGEST - len(rows), count(1)
    for number, row in enumerate(rows):
        yield replace(row, originator_version=next(versions))
        if number % 2 and left > 0:
            left -= 1
            yield injury(keys, row, next(versions), PEOPLE[number % len(PEOPLE)])
