"""Commands that come at their own pace and are repeated until somebody answers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx2

from tests.acceptance.reading import ANY_NUMBER, refusal
from tests.acceptance.stack import Json, Person

_AGAIN = frozenset({429, 502, 503, 504})
_PAUSE_S = 0.1
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Command:
    """`type`: the event that it makes; `word` stands in that event and nowhere else."""

    path: str
    body: Json
    type: str
    word: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A command and what the server said it had become."""

    command: Command
    stream: str
    version: int
    position: int
    took_s: float
    tries: int


@dataclass(slots=True)
class Load:
    """An open loop: a command every 1 / `per_s`, each on a task of its own."""

    person: Person
    per_s: float
    acknowledged: list[Acknowledged] = field(default_factory=list[Acknowledged])
    refused: list[str] = field(default_factory=list[str])
    repeated: Counter[str] = field(default_factory=Counter[str])
    """Why a command was sent once more -> how often."""
    refused_s: list[float] = field(default_factory=list[float])
    """How long each answer took that asked to come back."""
    _ids: list[str] = field(default_factory=list[str])

    _is_ended: bool = False

    def run(self) -> None:
        """Send until `stop`, then wait for every answer; from any thread."""
        asyncio.run(self._send())

    def stop(self) -> None:
        self._is_ended = True

    async def _send(self) -> None:
        url = self.person.http.base_url
        async with (
            httpx2.AsyncClient(base_url=url, timeout=30, limits=ANY_NUMBER) as it,
            asyncio.TaskGroup() as tasks,
        ):
            began = time.monotonic()
            for number, command in enumerate(_commands(self._ids)):
                due = began + number / self.per_s
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self._is_ended:
                    break
                tasks.create_task(self._until_answered(it, command, due))

    async def _until_answered(self, http: httpx2.AsyncClient, command: Command, due: float) -> None:
        tries = 1
        while (answer := await self._tried(http, command)) is None:
            assert time.monotonic() < due + _PATIENCE_S, f"No answer to {command}."
            await asyncio.sleep(_PAUSE_S)
            tries += 1
        if not answer.is_success:
            self.refused.append(f"{command.path}: {answer.text}")
            return
        told: Json = answer.json()
        took_s = time.monotonic() - due
        self.acknowledged.append(
            Acknowledged(command, told["id"], told["version"], told["position"], took_s, tries)
        )
        if command.type == "incident.declared":
            self._ids.append(told["id"])

    async def _tried(self, http: httpx2.AsyncClient, command: Command) -> httpx2.Response | None:
        """None when nobody knows what became of it."""
        headers = {"Authorization": f"Bearer {self.person.token}", "Idempotency-Key": command.word}
        began = time.monotonic()
        try:
            answer = await http.post(command.path, json=command.body, headers=headers)
        except httpx2.TransportError as error:
            self.repeated[type(error).__name__] += 1
            return None
        if _is_to_be_repeated(answer):
            self.repeated[refusal(answer)] += 1
            self.refused_s.append(time.monotonic() - began)
            return None
        return answer


def _is_to_be_repeated(answer: httpx2.Response) -> bool:
    is_under_way = answer.status_code == 409 and answer.json()["code"] == "idempotency_in_progress"
    return is_under_way or answer.status_code in _AGAIN


def _commands(ids: list[str]) -> Iterator[Command]:
    """Every third one declares; the others write on the incidents that there are."""
    for number in count():
        word = f"leak-{time.time_ns()}-{number}"
        if number % 3 == 0 or not ids:
            body: dict[str, Any] = {"title": f"Oil {word}", "severity": "sev3"}
            if number % 9 == 0:
                body["injured"] = "Jonas Reyes"
            yield Command("/v1/incidents", body, "incident.declared", word)
        elif number % 3 == 1:
            path = f"/v1/incidents/{ids[number % len(ids)]}/notes"
            yield Command(path, {"text": word}, "incident.note_added", word)
        else:
            path = f"/v1/incidents/{ids[number * 7 % len(ids)]}/describe"
            yield Command(path, {"title": f"Oil {word}"}, "incident.described", word)
