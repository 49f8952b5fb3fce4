"""Lets a command in: within the process's budget, and in its organization's turn."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import Request

from api.process import process
from api.requests import caller
from write_model.kernel.access import Actor

MANAGE_PROJECTIONS = "projections.manage"


@asynccontextmanager
async def admitted(request: Request, permission: str | None = None) -> AsyncGenerator[Actor]:
    """Who asks, once his command may be worked on.

    Raises: Overloaded; what `caller` raises.
    """
    budgets = process(request).budgets
    with budgets.commands:
        actor = await caller(request, permission)
        async with budgets.turns.of(actor.tenant):
            yield actor
