"""Lets a command in: within the process's budget, and in its organization's turn."""

from __future__ import annotations

from types import TracebackType

from fastapi import Request

from api.callers import caller
from api.places import PLACE
from api.process import process
from write_model.kernel.access import Actor

MANAGE_PROJECTIONS = "projections.manage"


def admitted(
    request: Request, permission: str | None = None, *, may_import: bool = False
) -> Admission:
    """Who asks, once his command may be worked on: `async with admitted(request) as actor`.

    `may_import`: see `caller`.
    Raises: Overloaded; what `caller` raises.
    """
    return Admission(request, permission, may_import=may_import)


class Admission:
    """By hand, because it stands in every command's way: a generator of contextlib costs 2 µs."""

    __slots__ = ("_budgets", "_may_import", "_permission", "_request", "_turn")

    def __init__(self, request: Request, permission: str | None, *, may_import: bool) -> None:
        self._request, self._permission, self._may_import = request, permission, may_import
        self._budgets = process(request).budgets

    async def __aenter__(self) -> Actor:
        commands = self._budgets.commands
        commands.__enter__()
        try:
            actor = await caller(self._request, self._permission, may_import=self._may_import)
            self._turn = await self._turn_of(actor)
        except BaseException:
            commands.__exit__(None, None, None)
            raise
        return actor

    async def _turn_of(self, actor: Actor) -> int:
        """Who goes away while he waits for it leaves it to the next."""
        turns, place = self._budgets.turns, self._request.scope.get(PLACE)
        if place is None:
            return await turns.begin(actor.tenant)
        place.unbind()
        turn = await turns.begin(actor.tenant)
        place.bind()
        return turn

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._budgets.turns.end(self._turn)
        self._budgets.commands.__exit__(kind, error, trace)
