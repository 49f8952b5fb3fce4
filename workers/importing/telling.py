"""Invented cases told to the log by a process of its own, which decides as the api would."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import uvloop

from workers.importing.cases import Case
from workers.importing.generator import invented
from workers.importing.mapping import Command, Kind, commands
from workers.importing.wire import body
from write_model.deciding import Decider
from write_model.histories import Histories
from write_model.incident.commands import (
    AcknowledgeIncident,
    AddNote,
    AmendIncident,
    AssignIncident,
    CancelIncident,
    CloseIncident,
    DeclareIncident,
    HoldIncident,
    IncidentCommand,
    ReleaseIncident,
    ReopenIncident,
    ResolveIncident,
    ResumeIncident,
)
from write_model.kernel.access import Actor
from write_model.kernel.records import Records
from write_model.kernel.settings import Settings
from write_model.kernel.store.group_commit import GroupCommit
from write_model.opening import opened

_AT_ONCE = 100
"""Histories decided in a row, about a thousand events: as many as one append takes."""

_PATIENCE_S = 120.0
"""How long the log may take for one history: nobody waits for it, and a disk may be busy."""

_ASKED: Mapping[Kind, type[IncidentCommand]] = {
    Kind.DECLARE: DeclareIncident,
    Kind.ACKNOWLEDGE: AcknowledgeIncident,
    Kind.ASSIGN: AssignIncident,
    Kind.RELEASE: ReleaseIncident,
    Kind.HOLD: HoldIncident,
    Kind.RESUME: ResumeIncident,
    Kind.RESOLVE: ResolveIncident,
    Kind.CLOSE: CloseIncident,
    Kind.REOPEN: ReopenIncident,
    Kind.CANCEL: CancelIncident,
    Kind.NOTE: AddNote,
    Kind.AMEND: AmendIncident,
}


@dataclass(frozen=True, slots=True)
class Teller:
    """All that a process must know; `people`: name -> subject id."""

    settings: Settings
    by: Actor
    source: str
    seed: int
    people: Mapping[str, UUID]


class Block(NamedTuple):
    """What became of the cases of some numbers; `position` is the organization's last."""

    cases: int
    rows: int
    commands: Counter[str]
    position: int


Making = Callable[[GroupCommit, Records, Decider], Histories]


def tell(teller: Teller, numbers: range, *, histories: Making = Histories) -> Block:
    """Tell the log what it lacks of the cases with these numbers."""
    return uvloop.run(_told(teller, numbers, histories))


async def _told(teller: Teller, numbers: range, making: Making) -> Block:
    patient = teller.settings.model_copy(update={"command_deadline_s": _PATIENCE_S})
    async with opened(patient) as parts:
        door = parts.write_model
        histories = making(door.log, door.records, door.decider)
        slices = [numbers[at : at + _AT_ONCE] for at in range(0, len(numbers), _AT_ONCE)]
        # Two in turn: while the log takes one, the other is made.
        parts_told = [_some_told(teller, histories, slices[lane::2]) for lane in range(2)]
        return _together(await asyncio.gather(*parts_told))


async def _some_told(teller: Teller, histories: Histories, slices: list[range]) -> Block:
    return _together([await _slice_told(teller, histories, numbers) for numbers in slices])


async def _slice_told(teller: Teller, histories: Histories, numbers: range) -> Block:
    cases = [invented(number, seed=teller.seed) for number in numbers]
    stories = [list(_story(case, teller)) for case in cases]
    asked = [[_asked(command, teller.people) for command in story] for story in stories]
    told = await histories.tell(asked, by=teller.by)
    kinds = Counter(
        command.kind.value
        for story, done in zip(stories, told, strict=True)
        # An earlier run has told a history from its beginning.
        for command in story[len(story) - done.commands :]
    )
    rows = sum(len(case.rows) for case in cases)
    return Block(len(cases), rows, kinds, max(done.position for done in told))


def _story(case: Case, teller: Teller) -> Iterator[Command]:
    for told in commands(case, source=teller.source):
        assert isinstance(told, Command)  # What is invented never goes on after its end.
        yield told


def _asked(command: Command, people: Mapping[str, UUID]) -> IncidentCommand:
    return _ASKED[command.kind].model_validate(body(command, people))


def _together(blocks: list[Block]) -> Block:
    return Block(
        sum(block.cases for block in blocks),
        sum(block.rows for block in blocks),
        sum((block.commands for block in blocks), Counter[str]()),
        max((block.position for block in blocks), default=0),
    )
