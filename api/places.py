"""How many requests are worked on at once, and what each of them holds until it has ended."""

from __future__ import annotations

from asyncio import CancelledError, Task, get_running_loop
from typing import NoReturn

_AGAIN_S = 1.0

PLACE = "place"
"""Where a request's scope holds its own."""


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
    """What one request holds of a gate from when it has come whole until it is let out.

    Who sends his body slowly holds none meanwhile: else a few hundred of them would keep all out.
    """

    __slots__ = ("_gate", "_is_bound", "_is_deserted", "_is_inside", "_task", "_tenant", "was_left")

    def __init__(self, gate: Gate, task: Task[None]) -> None:
        self._gate, self._task, self._tenant = gate, task, -1
        self._is_inside, self._is_bound, self._is_deserted = False, True, False
        self.was_left = False
        """Whether the request was given up because nobody waits for its answer."""

    @property
    def is_claimed(self) -> bool:
        return self._tenant >= 0

    def enter(self) -> None:
        """The request has come whole, which it may have been answered before."""
        if not self._task.done():
            self._is_inside = True
            self._gate.held += 1

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

    def unbind(self) -> None:
        """From now on the work is for the client alone, and ends when he goes away.

        Raises: CancelledError when he has gone already.
        """
        self._is_bound = False
        if self._is_deserted:
            self.abandon()

    def bind(self) -> None:
        """From now on it is finished, whoever goes away."""
        self._is_bound = True

    def desert(self) -> None:
        """The client has gone away."""
        self._is_deserted = True
        self._end()

    def _end(self) -> None:
        if self._is_bound or self._task.done():
            return
        self.was_left = True
        self._task.cancel()
        # Before Python 3.12 `asyncio.wait_for`, which others use, can lose a cancellation.
        get_running_loop().call_later(_AGAIN_S, self._end)

    def abandon(self) -> NoReturn:
        """Raises: CancelledError, which ends the request in peace."""
        self.was_left = True
        raise CancelledError

    def let_out(self, _: Task[None]) -> None:
        gate, tenant = self._gate, self._tenant
        if self._is_inside:
            gate.held -= 1
        if not self.is_claimed:
            return
        held = gate.of.pop(tenant)
        if held == gate.share:
            gate.at_share -= 1
        if held > 1:
            gate.of[tenant] = held - 1
