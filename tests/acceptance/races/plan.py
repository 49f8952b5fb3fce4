"""What a race is, and what its processes tell of every command."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

Verb = Literal["note", "acknowledge", "release"]

TENANTS = tuple(UUID(int=0xA0 + number) for number in range(3))
STREAMS = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """How much happens; `seed` settles every choice but the operating system's."""

    commands: int
    processes: int
    kills: int
    seed: int
    callers: int = 16
    """Concurrent callers in each process."""


@dataclass(frozen=True, slots=True)
class HotStream:
    tenant: UUID
    stream: UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """One command and what came of it; times are seconds of the machine's clock.

    `outcome`: "accepted", "replayed", or the refusal's class. `twin`: the correlation of the
    command that was sent with the same idempotency key.
    """

    process: int
    correlation: str
    stream: str
    verb: Verb
    sent: float
    answered: float
    outcome: str
    version: int = 0
    position: int = 0
    twin: str = ""


def keep_streams(folder: Path, streams: Iterable[HotStream]) -> None:
    rows = [[str(one.tenant), str(one.stream)] for one in streams]
    (folder / "streams.json").write_text(json.dumps(rows))


def hot_streams(folder: Path) -> list[HotStream]:
    rows: list[list[str]] = json.loads((folder / "streams.json").read_text())
    return [HotStream(UUID(tenant), UUID(stream)) for tenant, stream in rows]


def keep_plan(folder: Path, plan: Plan) -> None:
    (folder / "plan.json").write_text(json.dumps(asdict(plan)))


def kept_plan(folder: Path) -> Plan:
    return Plan(**json.loads((folder / "plan.json").read_text()))


def line(answer: Answer) -> str:
    return json.dumps(astuple(answer)) + "\n"


def answers(folder: Path) -> Iterator[Answer]:
    """All that the processes of the race have written down."""
    for path in sorted(folder.glob("answers-*.jsonl")):
        with path.open() as file:
            for each in file:
                yield Answer(*json.loads(each))
