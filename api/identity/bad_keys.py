"""Counts the API keys that are no good, wherever they are shown."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from api.identity.addresses import address
from api.process import process
from write_model.kernel.api_key_secrets import BEGINS


async def must_not_guess_at_keys(connection: HTTPConnection, token: str) -> None:
    """A token has just been refused. Only keys are counted: access tokens run out all day long.

    Raises: RateLimited.
    """
    if token.startswith(BEGINS):
        guesses = process(connection).identity.guesses
        await guesses.show_a_bad_key(address(connection))
