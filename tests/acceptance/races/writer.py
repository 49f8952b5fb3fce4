"""One process of the race: many callers on its own write model, until told to stop."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TextIO
from uuid import UUID

from tests.acceptance.races.plan import (
    Answer,
    HotStream,
    Plan,
    Verb,
    hot_streams,
    kept_plan,
    line,
)
from write_model.application import WriteModel
from write_model.incident.commands import AcknowledgeIncident, AddNote, ReleaseIncident
from write_model.kernel.access import Actor, Role
from write_model.kernel.errors import DomainError
from write_model.kernel.ids import derived_id
from write_model.kernel.messages import Command, IdempotencyKey
from write_model.kernel.settings import Settings
from write_model.opening import opened

_WEIGHTS: dict[Verb, int] = {"note": 8, "acknowledge": 1, "release": 1}
_WITH_TWIN = 0.03
_ROLES = frozenset({Role.RESPONDER})


@dataclass
class Writer:
    """Sends commands and writes every answer down."""

    process: int
    plan: Plan
    model: WriteModel
    streams: list[HotStream]
    out: TextIO
    stop: Path
    random: Random
    sent: int = 0
    accepted: int = 0
    actor: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.actor = derived_id("racer", self.process)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as callers:
            for _ in range(self.plan.callers):
                callers.create_task(self._call())
            callers.create_task(self._tell())

    async def _tell(self) -> None:
        while not self.stop.exists():
            print(self.accepted, flush=True)
            await asyncio.sleep(0.1)

    async def _call(self) -> None:
        while not self.stop.exists():
            hot = self.random.choice(self.streams)
            if self.random.random() < _WITH_TWIN:
                await self._twins(hot)
            else:
                (verb,) = self.random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
                await self._send(hot, verb, self._correlation())

    async def _twins(self, hot: HotStream) -> None:
        one, other = self._correlation(), self._correlation()
        key = IdempotencyKey(str(one), one.bytes * 2)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._send(hot, "note", one, key=key, twin=other))
            both.create_task(self._send(hot, "note", other, key=key, twin=one))

    def _correlation(self) -> UUID:
        self.sent += 1
        return derived_id(self.plan.seed, self.process, self.sent)

    async def _send(
        self,
        hot: HotStream,
        verb: Verb,
        correlation: UUID,
        *,
        key: IdempotencyKey | None = None,
        twin: UUID | None = None,
    ) -> None:
        by = Actor(self.actor, hot.tenant, _ROLES)
        version, position, sent = 0, 0, time.time()
        try:
            receipt = await self.model.handle(
                hot.stream, _command(verb, correlation), by=by, key=key, correlation=correlation
            )
        except DomainError as error:
            outcome = type(error).__name__
        else:
            outcome = "replayed" if receipt.replayed else "accepted"
            version, position = receipt.version, receipt.position
            self.accepted += not receipt.replayed
        answer = Answer(
            self.process,
            str(correlation),
            str(hot.stream),
            verb,
            sent,
            time.time(),
            outcome,
            version,
            position,
            str(twin or ""),
        )
        self.out.write(line(answer))


def _command(verb: Verb, correlation: UUID) -> Command:
    match verb:
        case "note":
            return AddNote(text=f"Oil is still there: {correlation}")
        case "acknowledge":
            return AcknowledgeIncident()
        case "release":
            return ReleaseIncident()


async def main(folder: Path, process: int) -> None:
    plan = kept_plan(folder)
    random = Random(f"{plan.seed}/{process}")
    async with opened(Settings()) as parts:
        with (folder / f"answers-{process}.jsonl").open("w") as out:
            streams, stop = hot_streams(folder), folder / "stop"
            await Writer(process, plan, parts.write_model, streams, out, stop, random).run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
