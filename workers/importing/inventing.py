"""The way of very many invented incidents: straight into the log, beside the running server.

A command over HTTP costs the two sides about 0.3 ms, decided here 0.05: a million incidents take
minutes instead of the better part of an hour. People are named over HTTP as ever.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import aclosing
from threading import Thread
from time import monotonic
from uuid import UUID

import psycopg
from pydantic_core import from_json

from workers.importing.generator import PEOPLE, Generated
from workers.importing.generator_words import person_name
from workers.importing.people import People
from workers.importing.report import Report
from workers.importing.session import ImportStopped, Session, detail
from workers.importing.standing import Standing
from workers.importing.telling import Block, Teller, tell
from workers.projector.collector import spare_collector
from workers.projector.reaching import where_it_runs
from write_model.kernel.access import Actor, Role
from write_model.kernel.errors import Conflict, Overloaded, Refused, Unavailable
from write_model.kernel.secret_sources import SecretRefused
from write_model.kernel.settings import APP, Settings
from write_model.membership.membership import MEMBERSHIP, membership_stream
from write_model.opening import opened

WORTH_IT = 10_000
"""Incidents; fewer are sent within seconds."""

_CASES = 2_000
"""A block takes some seconds: so long an interrupt waits."""
_PROCESSES = 2
"""They and the server keep two cores busy; more would wait for the append lock (measured)."""

_GOES_ON = "The same command goes on where this one stopped."
_ELSEWHERE = "The database of {home} is not the one of this server; name the server's own --home."


def at_hand(settings: Settings) -> Settings | None:
    """The settings of a database that this process may write to; None where it may not."""
    try:
        found = where_it_runs(settings)
        psycopg.connect(found.conninfo(APP), connect_timeout=2).close()
    except (OSError, SecretRefused, psycopg.Error):
        return None
    return found


class Inventing:
    """One run over the invented incidents; another goes on where it ended."""

    def __init__(
        self,
        session: Session,
        report: Report,
        *,
        source: Generated,
        settings: Settings,
        block: int = _CASES,
    ) -> None:
        self._session, self._source = session, source
        self._report, self._settings, self._block = report, settings, block
        self._connection = session.connection()

    async def run(self) -> None:
        """Raises: ImportStopped when the server or the log cannot or will not go on."""
        started = monotonic()
        try:
            await self._all(Standing(self._session, self._connection, self._source.name))
        except (Refused, Conflict, Overloaded, Unavailable) as error:
            raise ImportStopped(
                f"The log did not take the incidents: {error} {_GOES_ON}"
            ) from error
        except BrokenExecutor as error:
            raise ImportStopped(f"A process that decides was ended. {_GOES_ON}") from error
        finally:
            self._report.wall_s = monotonic() - started
            self._connection.close()

    async def _all(self, standing: Standing) -> None:
        teller = await self._teller()
        before = await standing.deviations()
        position = await self._tell(teller)
        if position:
            await standing.shown(position, self._report.shown_of(position))
            self._report.deviations = await standing.deviations() - before

    async def _teller(self) -> Teller:
        by = await self._actor()
        await self._must_be_here(by)
        people = People(self._session, self._connection, source=self._source.name)
        await people.meet(person_name(number) for number in range(PEOPLE))
        ids = {name: UUID(subject) for name, subject in people.ids.items()}
        return Teller(self._settings, by, self._source.name, self._source.seed, ids)

    async def _actor(self) -> Actor:
        answer = await self._session.ask(self._connection, "GET", "/v1/me")
        if not answer.ok:
            raise ImportStopped(f"The server does not say who you are: {detail(answer)}")
        me = from_json(answer.body)
        roles = frozenset(map(Role, me["roles"]))
        return Actor(UUID(me["id"]), UUID(me["organization"]), roles, source="import")

    async def _must_be_here(self, by: Actor) -> None:
        """Whom the server knows, its own database knows too."""
        async with opened(self._settings) as parts:
            stream = membership_stream(by.tenant, by.id)
            _, version = await parts.write_model.state(by.tenant, stream, MEMBERSHIP)
        if not version:
            raise ImportStopped(_ELSEWHERE.format(home=self._settings.home))

    async def _tell(self, teller: Teller) -> int:
        """The organization's position of the last event."""
        position = 0
        told = in_processes(teller, self._source.incidents, block=self._block)
        async with aclosing(told):
            async for block in told:
                position = max(position, self._counted(block))
        return position

    def _counted(self, block: Block) -> int:
        self._report.cases += block.cases
        self._report.rows += block.rows
        self._report.commands += block.commands
        self._source.made = self._report.cases
        return block.position


async def in_processes(
    teller: Teller,
    incidents: int,
    *,
    block: int = _CASES,
    tell: Callable[[Teller, range], Block] = tell,
) -> AsyncGenerator[Block]:
    """Tell the log by several processes; every block once it is told, in whatever order."""
    loop, pool = asyncio.get_running_loop(), _processes()
    blocks = [
        loop.run_in_executor(pool, tell, teller, numbers) for numbers in _blocks(incidents, block)
    ]
    try:
        for told in asyncio.as_completed(blocks):
            yield await told
    finally:
        # An interrupted run waits for its present blocks, so that no process outlives it.
        pool.shutdown(cancel_futures=True)
        await asyncio.gather(*blocks, return_exceptions=True)


def _blocks(incidents: int, size: int) -> Iterator[range]:
    for first in range(1, incidents + 1, size):
        yield range(first, min(first + size, incidents + 1))


def _processes() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(_PROCESSES, mp_context=context, initializer=_prepare)


def _prepare() -> None:
    """An interrupt from the terminal reaches all; the first process says when it is over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_first, daemon=True).start()
    spare_collector()


def _end_with_the_first() -> None:
    """Killed, it could not tell the others, which would wait for more to do forever."""
    if (first := multiprocessing.parent_process()) is not None:
        first.join()
        os._exit(1)
