"""Reads that come at their own pace; whatever goes wrong is kept, and nothing is repeated."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import httpx2

from tests.acceptance.stack import Person

READ = "/v1/incidents/INC-1"
# Else who asks on would wait here for those before him, and that would count as the server's time.
ANY_NUMBER = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
_PATHS = ("/v1/incidents?limit=5", READ, "/v1/me", "/v1/events?after=0&limit=5")


@dataclass(slots=True)
class Reading:
    """An open loop, a read every 1 / `per_s`, until `stop`."""

    person: Person
    per_s: float
    answered_s: list[float] = field(default_factory=list[float])
    """How long each good answer took."""
    refused_s: list[float] = field(default_factory=list[float])
    """How long each other answer took."""
    failed: Counter[str] = field(default_factory=Counter[str])
    """Why a read got no answer, or not a good one -> how often."""
    _is_ended: bool = False

    def run(self) -> None:
        """From any thread."""
        asyncio.run(self._ask())

    def stop(self) -> None:
        self._is_ended = True

    async def _ask(self) -> None:
        headers = {"Authorization": f"Bearer {self.person.token}"}
        url = self.person.http.base_url
        async with (
            httpx2.AsyncClient(
                base_url=url, headers=headers, timeout=30, limits=ANY_NUMBER
            ) as http,
            asyncio.TaskGroup() as tasks,
        ):
            began = time.monotonic()
            for number in count():
                await asyncio.sleep(max(0.0, began + number / self.per_s - time.monotonic()))
                if self._is_ended:
                    break
                tasks.create_task(self._read(http, _PATHS[number % len(_PATHS)]))

    async def _read(self, http: httpx2.AsyncClient, path: str) -> None:
        began = time.monotonic()
        try:
            answer = await http.get(path)
        except httpx2.TransportError as error:
            self.failed[type(error).__name__] += 1
            return
        took_s = time.monotonic() - began
        if answer.is_success:
            self.answered_s.append(took_s)
        else:
            self.failed[refusal(answer)] += 1
            self.refused_s.append(took_s)


def refusal(answer: httpx2.Response) -> str:
    """The status, and whether the answer says when to come back."""
    is_told = "Retry-After" in answer.headers
    return f"{answer.status_code}{' with Retry-After' if is_told else ''}"
