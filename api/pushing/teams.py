"""Of which team each incident is by now, for those who follow and are bound to some.

From the log, which is never behind what is pushed, as what is shown may be. Remembered until the
tail tells of another event of the incident, and apart from what commands remember: whoever resumes
from long ago would push that out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from sys import maxsize
from uuid import UUID

import structlog

from projections.push import Happened, Message
from write_model.application import WriteModel
from write_model.incident.incident import INCIDENT
from write_model.kernel.recent import Recent
from write_model.kernel.records import Record

log = structlog.get_logger(__name__)

_OF_INCIDENTS = f"{INCIDENT.name}."
Known = tuple[str | None, int]
"""A team, and the version of the incident that it is of."""

_REMEMBERED = 20_000
"""Of all organizations together, some 200 bytes each."""


class Teams:
    def __init__(self, write_model: WriteModel) -> None:
        self._reader, self._records = write_model.reader, write_model.records
        self._told: Recent[int, int] = Recent(_REMEMBERED)
        """Incident -> its last version, of those that something happened to of late."""
        self._known = _nothing_known()

    def evict(self, happened: Happened) -> None:
        """The tail tells of an event: its incident may be of another team now."""
        if happened.topic.startswith(_OF_INCIDENTS):
            self._told.remember(happened.stream.int, happened.version)
            self._known.forget(happened.stream.int)

    def clear(self) -> None:
        """The tail is lost, or tells of another log."""
        self._told.clear()
        self._known = _nothing_known()

    def at_hand(self, messages: Sequence[Message], teams: frozenset[str]) -> list[Message] | None:
        """The messages, all of incidents, that are of these teams; None: some must be looked up."""
        found = [(each, self._team(each)) for each in messages]
        if any(team is None for _, team in found):
            return None
        return [each for each, team in found if team is not None and team[0] in teams]

    async def of(self, messages: Sequence[Message], teams: frozenset[str]) -> list[Message]:
        """The same, looked up where need be. Raises: Unavailable; UnknownTopic."""
        while (found := self.at_hand(messages, teams)) is None:
            await self.look_up(messages)
        return found

    async def look_up(self, messages: Sequence[Message]) -> None:
        """Learn of which teams their incidents are, as far as nothing more happens meanwhile."""
        unknown = {each.subject: each.tenant for each in messages if self._team(each) is None}
        await asyncio.gather(*(self._learn(tenant, id_) for id_, tenant in unknown.items()))

    async def _learn(self, tenant: UUID, incident: UUID) -> None:
        # The memory as it is now: what is read of a log that is restored meanwhile is not kept.
        known = self._known
        record = await self._read(tenant, incident)
        if record is None:
            log.error("no_team_of_a_damaged_incident", incident=str(incident))
            known.remember(incident.int, (None, maxsize))
        elif record.version >= (self._told.get(incident.int) or 0):
            known.remember(incident.int, (record.state.team, record.version))

    async def _read(self, tenant: UUID, incident: UUID) -> Record | None:
        """None for a damaged one, for which nobody is to be sent away again and again."""
        try:
            events = await self._reader.newer(tenant, incident, after=0)
        except ValueError:
            return None
        return Record(INCIDENT.empty).after(events)

    def _team(self, message: Message) -> Known | None:
        """Who catches up may be ahead of the tail, and what is known too old for him."""
        known = self._known.get(message.subject.int) or self._just_decided(message)
        return None if known is None or known[1] < message.version else known

    def _just_decided(self, message: Message) -> Known | None:
        """What this process has decided itself needs no look at the log."""
        told = self._told.get(message.subject.int)
        record = self._records.known(message.tenant, message.subject, INCIDENT)
        if told is None or record is None or record.version < told:
            return None
        return record.state.team, record.version


def _nothing_known() -> Recent[int, Known]:
    return Recent(_REMEMBERED)
