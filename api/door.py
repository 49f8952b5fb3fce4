"""How many requests are let into the web process: past what can be answered in time, none.

And of these, how many of one organization: so that however much it asks, others come in.
"""

from __future__ import annotations

from asyncio import Task
from collections.abc import Iterable

from write_model.kernel.recent import Recent

_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_TOKEN = b"authorization"
_GUARDED, _STREAM = b"/v1/", b"/v1/stream"

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case, and values."""


class Gate:
    """`held` of at most `at_once` are being answered; `refused` counts who came beyond.

    One organization holds `share` at most: three of four places.
    """

    __slots__ = ("at_once", "at_share", "held", "of", "refused", "share")

    def __init__(self, at_once: int) -> None:
        self.at_once, self.share = at_once, at_once * 3 // 4
        self.held, self.at_share, self.refused = 0, 0, 0
        self.of: dict[int, int] = {}

    @property
    def is_full(self) -> bool:
        return self.held >= self.at_once

    def has_its_share(self, tenant: int | None) -> bool:
        return tenant is not None and self.of.get(tenant, 0) >= self.share


class Place:
    """What one request holds of a gate, until it is let out."""

    __slots__ = ("_gate", "_tenant")

    def __init__(self, gate: Gate) -> None:
        self._gate, self._tenant = gate, -1
        gate.held += 1

    @property
    def is_claimed(self) -> bool:
        return self._tenant >= 0

    def claim(self, tenant: int) -> bool:
        """From now on it counts to this organization, unless that has its share already."""
        gate = self._gate
        held = gate.of.get(tenant, 0)
        if held >= gate.share:
            return False
        self._tenant = tenant
        gate.of[tenant] = held + 1
        if held + 1 == gate.share:
            gate.at_share += 1
        return True

    def let_out(self, _: Task[None]) -> None:
        gate, tenant = self._gate, self._tenant
        gate.held -= 1
        if not self.is_claimed:
            return
        held = gate.of.pop(tenant)
        if held == gate.share:
            gate.at_share -= 1
        if held > 1:
            gate.of[tenant] = held - 1


class Door:
    """Commands and queries have gates of their own, so that neither keeps the other out.

    Of one width, for the wider one's would get more of the process than the others while both are
    full: 256 to 128 left reads 47 % of their peak and commands 120 % (measured, three times it).

    What is in flight bounds how long it takes: 384 together, at 2,000 a second, are a fifth of a
    second; a process that is four times as slow still keeps within one.
    """

    def __init__(self, *, commands: int = 192, queries: int = 192) -> None:
        self.commands, self.queries = Gate(commands), Gate(queries)
        self._tenants: Recent[int, int] = Recent(10_000)

    @property
    def is_crowded(self) -> bool:
        commands, queries = self.commands, self.queries
        return commands.is_full or queries.is_full or commands.at_share > 0 or queries.at_share > 0

    def claim(self, place: Place, tenant: int, headers: Headers) -> bool:
        """Who has asked once is known by his token before he is let in the next time."""
        for name, value in headers:
            if name == _TOKEN:
                self._tenants.remember(hash(value), tenant)
        return place.claim(tenant)

    def tenant_of(self, headers: Headers) -> int | None:
        """Whose the token is, if it has come before; a hash will do: nobody is let in by it."""
        for name, value in headers:
            if name == _TOKEN:
                return self._tenants.get(hash(value))
        return None

    def gate(self, method: str, path: bytes) -> Gate | None:
        """None for who is always let in: the operator, streams, which have a budget, and what
        browsers ask before they ask.
        """
        if not path.startswith(_GUARDED) or path.startswith(_STREAM):
            return None
        if method == "GET":
            return self.queries
        return self.commands if method in _WRITING else None
