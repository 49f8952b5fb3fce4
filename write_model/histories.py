"""Whole histories of old systems: a record's commands decided in a row, appended as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from write_model.deciding import Decider
from write_model.kernel.access import Actor
from write_model.kernel.errors import Conflict
from write_model.kernel.ids import derived_id
from write_model.kernel.messages import Command
from write_model.kernel.records import Record, Records
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import Append, Appended

History = Sequence[Command]
"""The commands of one record in their order; the first has the cause that names the record."""


class Told(NamedTuple):
    """How many commands were carried out, and the organization's position of the last event."""

    commands: int
    position: int


@dataclass(frozen=True, slots=True)
class Histories:
    """Tells the log what it lacks of many histories at once.

    A history goes in whole or not at all: what ended half way begins again without a trace.
    """

    log: GroupCommit
    records: Records
    decider: Decider

    async def tell(self, histories: Sequence[History], *, by: Actor) -> list[Told]:
        """What was done for each, in their order; a history that is known whole changes nothing.

        Raises: Refused and its kinds, for whichever is refused first: the others may be in the
        log; Conflict when somebody else writes on the same records; Overloaded; Unavailable.
        """
        wanted = [(_stream(history[0], by), history[0].aggregate) for history in histories]
        records = await self.records.read_together(by.tenant, wanted)
        written: list[asyncio.Task[Told]] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                for (stream, _), history, record in zip(wanted, histories, records, strict=True):
                    append = await self.decider.in_turn(stream, history, record, by)
                    written.append(tasks.create_task(self._written(append, record)))
                    await asyncio.sleep(0)  # What is decided goes out while more is decided.
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        return [task.result() for task in written]

    async def _written(self, append: Append, record: Record) -> Told:
        if not append.rows:
            return Told(0, record.position)
        verdict = await self.log.append(append)
        if not isinstance(verdict, Appended):
            raise Conflict
        return Told(len({row.command for row in append.rows}), verdict.tenant_positions[-1])


def _stream(first: Command, by: Actor) -> UUID:
    cause = first.cause()
    if cause is None:
        raise ValueError("A history begins with a command that has a cause.")
    return derived_id(first.aggregate.name, by.tenant, *cause)
