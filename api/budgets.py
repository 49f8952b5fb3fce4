"""How much may be in flight at once: past that it is kinder to say so than to queue."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from uuid import UUID

from api.door import Door
from api.turns import Turns
from write_model.kernel.errors import Overloaded


class Budget:
    """Admits `at_once` holders; entering one more raises Overloaded."""

    __slots__ = ("_at_once", "_empty", "_held")

    def __init__(self, at_once: int) -> None:
        self._at_once, self._held = at_once, 0
        self._empty: asyncio.Event | None = None

    @property
    def held(self) -> int:
        return self._held

    async def emptied(self) -> None:
        """Wait until nobody holds any."""
        while self._held:
            self._empty = asyncio.Event()
            await self._empty.wait()

    def __enter__(self) -> None:
        if self._held >= self._at_once:
            raise Overloaded
        self._held += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held -= 1
        if self._empty is not None and not self._held:
            self._empty.set()


class Shares:
    """Admits `at_once` holders of each organization; one more of it raises Overloaded."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self.held: dict[int, int] = {}

    @contextmanager
    def of(self, tenant: UUID) -> Generator[None]:
        name = tenant.int  # A UUID's own hash is Python code.
        held = self.held.get(name, 0)
        if held >= self._at_once:
            raise Overloaded
        self.held[name] = held + 1
        try:
            yield
        finally:
            left = self.held.pop(name) - 1
            if left:
                self.held[name] = left


class Budgets:
    """Commands and queries have their own, so that neither starves the other.

    A command waits for a commit of some milliseconds, so thousands per second need no more than
    this; the append's own queue is bounded per tenant. A query holds a pooled connection.
    """

    def __init__(
        self,
        *,
        commands: int = 1_024,
        queries: int = 256,
        streams: int = 20_000,
        imports: int = 64,
        door: Door | None = None,
    ) -> None:
        self.door = door or Door()
        self.commands = Budget(commands)
        self.queries = Budget(queries)
        self.streams = Budget(streams)
        self.imports = Shares(imports)
        """An import may be as fast as it can; a quarter of the turns that one organization has."""
        self.turns = Turns()
