"""The import itself: what the server lacks is sent, case by case, many cases side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import monotonic
from typing import NamedTuple

from pydantic_core import from_json

from workers.importing.cases import Case, CaseSource
from workers.importing.connection import Answer, Connection
from workers.importing.mapping import Command, commands
from workers.importing.people import People
from workers.importing.report import Rejected, Report
from workers.importing.session import ImportStopped, Session, code, detail
from workers.importing.standing import Known, Standing
from workers.importing.wire import body, path
from write_model.kernel.ids import new_id

_CASES_AHEAD = 64
"""Cases that are read ahead of those under way; their people are asked for together."""

NEW = Known(id="", version=0, through=(0, 0))


class _Pending(NamedTuple):
    known: Known
    case: str
    commands: list[Command]


class Import:
    """One run over one source."""

    def __init__(
        self, session: Session, source: CaseSource, report: Report, *, side_by_side: int = 32
    ) -> None:
        self._session = session
        self._source = source
        self._report = report
        self._side_by_side = side_by_side
        self._queue: asyncio.Queue[_Pending | None] = asyncio.Queue(_CASES_AHEAD)
        self._connections = [session.connection() for _ in range(side_by_side + 1)]
        self._people = People(session, self._connections[0], source=source.name)
        self._position = 0
        self._run = new_id().hex
        self._sent = 0

    async def run(self) -> None:
        """Raises: ImportStopped when the server cannot or will not go on."""
        started = monotonic()
        try:
            await self._all()
        except BaseExceptionGroup as group:
            raise _first(group) from group
        finally:
            self._report.wall_s = monotonic() - started
            for connection in self._connections:
                connection.close()

    async def _all(self) -> None:
        standing = Standing(self._session, self._connections[0], self._source.name)
        known, before = await standing.known(), await standing.deviations()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feed(known))
            for own in self._connections[1:]:
                tasks.create_task(self._send_cases(own))
        if self._position:
            await standing.shown(self._position, self._report.shown_of(self._position))
            self._report.deviations = await standing.deviations() - before

    async def _feed(self, known: dict[str, Known]) -> None:
        batch = list[_Pending]()
        for case in self._source.cases(self._report.reject):
            pending = self._pending(case, known.get(case.key, NEW))
            if pending.commands:
                batch.append(pending)
            if len(batch) == _CASES_AHEAD:
                await self._hand_over(batch)
            await asyncio.sleep(0)  # Reading is work without waiting; answers come first.
        await self._hand_over(batch)
        for _ in range(self._side_by_side):
            await self._queue.put(None)

    async def _hand_over(self, batch: list[_Pending]) -> None:
        await self._people.meet(c.person for pending in batch for c in pending.commands)
        for pending in batch:
            await self._queue.put(pending)
        batch.clear()

    def _pending(self, case: Case, known: Known) -> _Pending:
        self._report.cases += 1
        self._report.rows += len(case.rows) + len(case.rejected)
        for rejected in case.rejected:
            self._report.reject(rejected)
        return _Pending(known, case.key, list(self._later(case, known.through)))

    def _later(self, case: Case, through: tuple[int, int]) -> Iterator[Command]:
        for told in commands(case, source=self._source.name):
            if isinstance(told, Rejected):
                self._report.reject(told)
            elif (told.row, told.step) > through:
                yield told

    async def _send_cases(self, connection: Connection) -> None:
        while pending := await self._queue.get():
            await self._send_case(connection, pending)

    async def _send_case(self, connection: Connection, pending: _Pending) -> None:
        incident, version, _ = pending.known
        for index, command in enumerate(pending.commands):
            answer = await self._send(connection, command, incident)
            if not answer.ok:
                left = len(pending.commands) - index - 1
                self._report.reject(_refused(pending.case, command, answer, left))
                return
            receipt = from_json(answer.body)
            self._position = max(self._position, receipt["position"])
            if answer.status == 201 or (incident and receipt["version"] > version):
                self._report.commands[command.kind.value] += 1
            incident, version = receipt["id"], receipt["version"]

    async def _send(self, connection: Connection, command: Command, incident: str) -> Answer:
        self._sent += 1
        answer = await self._session.ask(
            connection,
            "POST",
            path(command, incident),
            body(command, self._people.ids),
            key=f"{self._run}-{self._sent}",
        )
        if answer.status in (401, 402, 403):
            raise ImportStopped(f"The server refuses the import ({code(answer)}): {detail(answer)}")
        return answer


def _refused(case: str, command: Command, answer: Answer, left: int) -> Rejected:
    reason = f"Case {case}: {command.kind} was refused ({code(answer)}): {detail(answer)}"
    skipped = f" The {left} later commands of the case were not sent." if left else ""
    return Rejected(command.line, reason + skipped)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended the group: one task's error, which cancelled the others."""
    return group.exceptions[0]
