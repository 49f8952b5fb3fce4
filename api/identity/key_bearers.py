"""Who asks with an API key: a service, with the scopes that the key has at this moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import structlog

from write_model.api_key.api_key import ApiKey
from write_model.kernel.access import Actor, Role
from write_model.kernel.api_key_secrets import ApiKeySecrets, digest
from write_model.kernel.clock import Clock
from write_model.kernel.errors import Unauthenticated
from write_model.kernel.recent import Recent

log = structlog.get_logger(__name__)

States = Callable[[UUID, UUID], Awaitable[ApiKey]]
"""(tenant, key) -> the key as it is now."""

_NOT_GOOD = "This API key is not, or no longer, good; ask an administrator for another one."
_SERVICE = frozenset({Role.SERVICE})
_NOTED_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Bearer:
    actor: Actor
    expires_at: datetime


class KeyBearers:
    """Keys are remembered, by their hash, until the tail reports a change."""

    def __init__(
        self, secrets: ApiKeySecrets, states: States, clock: Clock, *, remembered: int = 10_000
    ) -> None:
        self._secrets, self._states, self._clock = secrets, states, clock
        self._known: Recent[bytes, _Bearer] = Recent(remembered)
        self._noted: Recent[UUID, datetime] = Recent(remembered)
        self._noting = set[asyncio.Task[None]]()
        self._changes = 0
        self._trusted = True

    async def of(self, token: str) -> Actor:
        """Raises: Unauthenticated."""
        hashed = digest(token)
        return self._good(self._known.get(hashed) or await self._looked_up(token, hashed))

    def at_hand(self, token: str) -> Actor | None:
        """The same; None where the key has to be looked up."""
        bearer = self._known.get(digest(token))
        return None if bearer is None else self._good(bearer)

    def evict(self, key: UUID) -> None:
        """Something happened to a key: forget all that is known of it."""
        self._changes += 1
        for hashed in self._known:
            bearer = self._known.get(hashed)
            if bearer is not None and bearer.actor.id == key:
                self._known.forget(hashed)

    def distrust(self) -> None:
        """The tail is lost: from now on every key is looked up at every request."""
        self._changes += 1
        self._trusted = False
        self._known.clear()

    def trust(self) -> None:
        """The tail is back."""
        self._trusted = True

    def _good(self, bearer: _Bearer) -> Actor:
        now = self._clock()
        if bearer.expires_at <= now:
            raise Unauthenticated(_NOT_GOOD)
        self._note(bearer.actor.id, now)
        return bearer.actor

    async def _looked_up(self, token: str, hashed: bytes) -> _Bearer:
        changes = self._changes
        prefix = self._secrets.prefix_of(token)
        kept = await self._secrets.find(token) if prefix is not None else None
        if prefix is None or kept is None:
            raise Unauthenticated(_NOT_GOOD)
        state = await self._states(kept.tenant, kept.key)
        if not state.is_good(prefix):
            raise Unauthenticated(_NOT_GOOD)
        bearer = _Bearer(
            Actor(kept.key, kept.tenant, _SERVICE, scopes=state.scopes), state.expires_at
        )
        # Not when something has happened meanwhile: it may have been to this key.
        if self._trusted and changes == self._changes:
            self._known.remember(hashed, bearer)
        return bearer

    def _note(self, key: UUID, now: datetime) -> None:
        """When it was used last, beside the request and no more than once an hour."""
        noted = self._noted.get(key)
        if noted is None or now - noted >= _NOTED_EVERY:
            self._noted.remember(key, now)
            task = asyncio.create_task(self._written_down(key, now))
            self._noting.add(task)
            task.add_done_callback(self._noting.discard)

    async def _written_down(self, key: UUID, now: datetime) -> None:
        try:
            await self._secrets.used(key, at=now)
        except psycopg.Error as error:
            # An hour later it is tried again: no request depends on it.
            log.warning("use_of_a_key_was_not_noted", key=str(key), reason=type(error).__name__)
