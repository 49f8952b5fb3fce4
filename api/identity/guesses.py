"""How often somebody may guess, counted by all processes together while Redis is up."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256

from api.identity.networks import network_of
from read_model.cache import Cache
from write_model.kernel.allowance import Allowance
from write_model.kernel.clock import Clock
from write_model.kernel.errors import RateLimited

# Ten guesses at one secret and a hundred from one network per quarter of an hour: far from what
# a person needs, and at 960 guesses a day a random password is safe for good.
_PER = timedelta(minutes=15)
_AT_ONE, _FROM_ONE = 10, 100


def _failures(times: int) -> Allowance[bytes]:
    return Allowance(times, per=_PER)


@dataclass(frozen=True, slots=True)
class Guesses:
    """Each refills by itself: nobody is locked out for longer than a minute and a half.

    An address of IPv6 counts as its network: whoever has one has all of it.

    The process's own count comes first and always holds; Redis only adds what others have counted.
    """

    cache: Cache | None
    secret: bytes = field(repr=False)
    clock: Clock
    _at: Allowance[bytes] = field(default_factory=lambda: _failures(_AT_ONE))
    _from: Allowance[bytes] = field(default_factory=lambda: _failures(_FROM_ONE))

    async def come_from(self, address: str) -> None:
        """Raises: RateLimited when too many have come from there."""
        await self._take(self._from, b"from", network_of(address).encode(), _FROM_ONE)

    async def show_a_bad_key(self, address: str) -> None:
        """Counted apart: people at the same address sign in all the same.

        Raises: RateLimited when too many came from there.
        """
        network = b"keys\0" + network_of(address).encode()
        await self._take(self._from, b"keys from", network, _FROM_ONE)

    async def guess_at(self, what: bytes) -> None:
        """Raises: RateLimited when there were too many."""
        await self._take(self._at, b"at", what, _AT_ONE)

    async def guess_from(self, address: str, what: bytes) -> None:
        """Both. Taken before the guess is looked at, so that those sent at the same time count too.

        Raises: RateLimited.
        """
        await self.come_from(address)
        await self.guess_at(what)

    async def right(self, what: bytes) -> None:
        """It was no guess: the full allowance again."""
        self._at.forget(what)
        if self.cache is not None:
            await self.cache.refill(self._place(b"at", what))

    async def _take(self, own: Allowance[bytes], kind: bytes, key: bytes, times: int) -> None:
        now = self.clock()
        if not own.take(key, now=now):
            raise RateLimited(own.wait_s(key, now=now))
        if self.cache is not None:
            wait_s = await self.cache.take(self._place(kind, key), times, per=_PER)
            if wait_s:
                raise RateLimited(wait_s)

    def _place(self, kind: bytes, key: bytes) -> bytes:
        # Keyed, because addresses are few enough to be tried.
        return b"guesses:" + hmac.digest(self.secret, kind + b"\0" + key, sha256)
