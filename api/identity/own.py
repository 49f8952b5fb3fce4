"""Who asks about what is his own: his password, his second factor, his sign-ins."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import Request

from api.admission import admitted
from write_model.kernel.access import Actor

OWN = "people.read"
"""Every role carries it."""


@asynccontextmanager
async def himself(request: Request) -> AsyncGenerator[Actor]:
    """A person, for a key has neither; once his request may be worked on.

    Raises: Forbidden; what `admitted` raises.
    """
    async with admitted(request, OWN) as actor:
        actor.must_be_a_person()
        yield actor
