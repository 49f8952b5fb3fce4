"""Tickets for browsers, which can send no header when they open a socket.

A ticket is the access token, sealed: it opens the stream once and nothing else, for half a minute,
so that it may stand in an address. What is kept is only that it was used: by Redis for all
processes, and while that is down by each process for itself.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from hashlib import blake2b
from uuid import NAMESPACE_URL, uuid5

from cryptography.exceptions import InvalidTag

from read_model.cache import Cache
from write_model.kernel.clock import Clock
from write_model.kernel.errors import Unauthenticated
from write_model.kernel.kept_secrets import KeptSecrets
from write_model.kernel.recent import Recent
from write_model.kernel.secrets import MasterSecret

LIVES = timedelta(seconds=30)

_OWNER = uuid5(NAMESPACE_URL, "tallystick:stream-tickets")
_TIME_BYTES = 8
_REMEMBERED = 10_000
_REFUSED = "This ticket was used, has run out or is none; ask for another one."


class Tickets:
    def __init__(self, master: MasterSecret, cache: Cache, clock: Clock) -> None:
        self._sealing = KeptSecrets(master.key("stream_tickets"))
        self._cache, self._clock = cache, clock
        self._used: Recent[bytes, bool] = Recent(_REMEMBERED)

    def issue(self, token: str) -> str:
        """`token`: an access token that was verified."""
        expires = int((self._clock() + LIVES).timestamp())
        sealed = self._sealing.seal(expires.to_bytes(_TIME_BYTES, "big") + token.encode(), _OWNER)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    async def redeem(self, ticket: str) -> str:
        """The access token. Raises: Unauthenticated for what is no ticket, or no longer one."""
        opened = self._opened(ticket)
        expires = int.from_bytes(opened[:_TIME_BYTES], "big")
        if expires <= self._clock().timestamp() or not await self._is_first(opened):
            raise Unauthenticated(_REFUSED)
        return opened[_TIME_BYTES:].decode()

    def _opened(self, ticket: str) -> bytes:
        try:
            sealed = base64.b64decode(ticket + "=" * (-len(ticket) % 4), b"-_", validate=True)
            return self._sealing.open(sealed, _OWNER)
        except (InvalidTag, ValueError) as error:
            raise Unauthenticated(_REFUSED) from error

    async def _is_first(self, opened: bytes) -> bool:
        place = blake2b(b"ticket" + opened, digest_size=16).digest()
        if self._used.get(place):
            return False
        self._used.remember(place, True)
        lasts_s = 2 * int(LIVES.total_seconds())
        return await self._cache.claim(place, lasts_s=lasts_s) is not False
