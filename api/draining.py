"""How a process that serves takes its leave, so that nobody who asks meanwhile goes unanswered.

A client that keeps a connection may send on it at any moment, and what arrives after the closing is
lost to him. So every answer from now on says that it is the last on its connection, and only a
connection on which nothing has come for a while is closed without having been told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from uvicorn.server import ServerState

from api.heads import BoundedHeads
from api.process import Process

_LOOK_EVERY_S = 0.05
_LAST_ANSWER = [(b"connection", b"close")]


class Connection(Protocol):
    """Of a client: HTTP, or a WebSocket that HTTP was upgraded to."""

    def shutdown(self) -> None: ...


@dataclass(slots=True)
class Draining:
    """The end of one process, whose server listens no longer."""

    state: ServerState
    process: Process
    is_hurried: Callable[[], bool]
    """Whether somebody has asked meanwhile to make an end at once."""
    _quiet_since: dict[Connection, float] = field(default_factory=dict[Connection, float])

    async def run(self) -> None:
        """Return when every client has left, or when it has taken as long as it may."""
        self._announce()
        loop, settings = asyncio.get_running_loop(), self.process.settings
        ends = loop.time() + settings.drain_s
        while self.state.connections and loop.time() < ends and not self.is_hurried():
            self._close_quiet(loop.time(), settings.drain_idle_s)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _announce(self) -> None:
        self.state.default_headers = _LAST_ANSWER
        for connection in self.state.connections:
            if (cycle := getattr(connection, "cycle", None)) is not None:
                cycle.default_headers = _LAST_ANSWER
        self.process.leave()

    def _close_quiet(self, now: float, idle_s: float) -> None:
        quiet = {each for each in self.state.connections if _is_quiet(each)}
        self._quiet_since = {each: self._quiet_since.get(each, now) for each in quiet}
        for connection, since in self._quiet_since.items():
            if now - since >= idle_s:
                connection.shutdown()


def _is_quiet(connection: object) -> bool:
    """A WebSocket has its farewell already."""
    return not isinstance(connection, BoundedHeads) or connection.is_quiet
