"""Answers kept in Redis for a time: it may be down, slow, emptied or somebody else's too.

Whatever goes wrong there is as if nothing were kept. What lies there is sealed under the place
where it was put: nobody else can read it, put another answer there or exchange two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from math import inf
from typing import Any, cast
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from write_model.kernel.clock import Clock
from write_model.kernel.secrets import MasterSecret

_ANSWER_S = 0.05
"""A hundred times what an answer takes: whoever waits longer had better compute."""
_REST_S = 1.0
"""So long nobody asks again after a failure."""
_KEPT_S = 600
_LATELY_S = 300
"""How long a question is expected to come again."""
_LARGEST_BYTES = 256 * 1024
_QUESTIONS, _ORGANIZATIONS = 20, 200
"""How many are remembered for warming: of each organization, and organizations."""

_TAKE = b"""
local every, times = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local waiting = math.ceil(full - now - every * (times - 1))
if waiting > 0 then return waiting end
redis.call('SET', KEYS[1], full + every, 'PX', math.ceil(full + every - now))
return 0
"""
"""Keeps when all would be there again, from which follows what is left (the leaky bucket as a
meter, ITU-T I.371 A.2). By the server's clock, and gone by itself."""

_FAILURES = RedisError, OSError, TimeoutError
_UUID_BYTES = 16
_ASKING = b"tallystick:asking"

_log = structlog.get_logger("cache")


@asynccontextmanager
async def open_cache(url: str, master: MasterSecret, clock: Clock) -> AsyncGenerator[Cache]:
    """A cache that needs nothing of the server at `url`, not even that it is there."""
    pool = cast("Callable[..., BlockingConnectionPool]", BlockingConnectionPool.from_url)(  # pyright: ignore[reportUnknownMemberType]
        url,
        max_connections=8,
        timeout=_ANSWER_S,
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_ANSWER_S,
        retry=Retry(NoBackoff(), 0),
    )
    async with Redis.from_pool(pool) as redis:
        cache = Cache(redis, master, clock)
        try:
            yield cache
        finally:
            cache.end()


class Cache:
    """Keeps values by place; a place holds one value for ever, or none."""

    def __init__(self, redis: Redis, master: MasterSecret, clock: Clock) -> None:
        self._redis, self._cipher = redis, AESSIV(master.key("cache"))
        self._clock, self._loop = clock, asyncio.get_running_loop()
        self._execute: Callable[..., Awaitable[Any]] = redis.execute_command  # pyright: ignore[reportUnknownMemberType]
        self._rests_until_s, self._failing = 0.0, False

    def end(self) -> None:
        """Whoever still computes asks nobody any more: a connection made now would stay open."""
        self._rests_until_s = inf

    async def get(self, place: bytes) -> bytes | None:
        """What was put there; None when nobody knows."""
        sealed = await self._told(b"GET", _named(place))
        return None if sealed is None else self._opened(sealed, place)

    async def put(self, place: bytes, value: bytes) -> None:
        if len(value) <= _LARGEST_BYTES:
            sealed = self._cipher.encrypt(value, [place])
            await self._told(b"SET", _named(place), sealed, b"EX", _KEPT_S)

    async def lacks(self, place: bytes) -> bool:
        """Whether nothing is kept there for certain, so that a value would be welcome."""
        found: int | None = await self._told(b"EXISTS", _named(place))
        return found == 0

    async def note(self, tenant: UUID, question: bytes) -> None:
        """Remember that somebody asks this, for whoever has answers ready."""
        sealed = self._cipher.encrypt(question, [tenant.bytes])
        await self._newest(_asked_of(tenant), sealed, _QUESTIONS)
        await self._newest(_ASKING, tenant.bytes, _ORGANIZATIONS)

    async def organizations(self) -> Sequence[UUID]:
        """Those of which something was asked lately."""
        found = await self._lately(_ASKING)
        return [UUID(bytes=tenant) for tenant in found if len(tenant) == _UUID_BYTES]

    async def questions(self, tenant: UUID) -> Sequence[bytes]:
        """What was asked of one lately."""
        found = await self._lately(_asked_of(tenant))
        opened = (self._opened(sealed, tenant.bytes) for sealed in found)
        return [question for question in opened if question is not None]

    async def take(self, place: bytes, times: int, *, per: timedelta) -> int:
        """Use once what may be used `times` in a row, and as often again in each `per`.

        Whole seconds until it is worth trying again; 0 when it was used, or nobody knows.
        """
        every_ms = per / timedelta(milliseconds=1) / times
        waiting: int | None = await self._told(b"EVAL", _TAKE, 1, _used(place), every_ms, times)
        return -(-(waiting or 0) // 1000)

    async def claim(self, place: bytes, *, lasts_s: int) -> bool | None:
        """Whether nobody has claimed it before; None when nobody knows."""
        times: int | None = await self._told(b"INCR", _used(place))
        if times is None:
            return None
        await self._told(b"EXPIRE", _used(place), lasts_s)
        return times == 1

    async def evaluated(self, script: bytes, places: Sequence[bytes], *given: int) -> Any:
        """What a script answers that is run on these places; None when nobody knows."""
        return await self._told(b"EVAL", script, len(places), *map(_used, places), *given)

    async def refill(self, place: bytes) -> None:
        """As if it had never been used."""
        await self._told(b"DEL", _used(place))

    async def _newest(self, name: bytes, member: bytes, most: int) -> None:
        """Keep a member with the `most` that were named last."""
        await self._told(b"ZADD", name, self._now_s(), member)
        await self._told(b"ZREMRANGEBYRANK", name, 0, -most - 1)
        await self._told(b"EXPIRE", name, _LATELY_S)

    async def _lately(self, name: bytes) -> Sequence[bytes]:
        since = self._now_s() - _LATELY_S
        found: Sequence[bytes] | None = await self._told(b"ZRANGEBYSCORE", name, since, b"+inf")
        return found or ()

    async def _told(self, *command: bytes | float) -> Any:
        """The server's answer; None while it fails, which is asked again only after a rest."""
        if self._loop.time() < self._rests_until_s:
            return None
        try:
            answer = await self._execute(*command)
        except _FAILURES as error:
            await self._rest(error)
            return None
        self._failing = False
        return answer

    async def _rest(self, error: Exception) -> None:
        self._rests_until_s = max(self._rests_until_s, self._loop.time() + _REST_S)
        if not self._failing:
            _log.warning("cache.does_not_answer", reason=type(error).__name__)
        self._failing = True
        # When one connection is dead, all that wait to be used are too; closing may fail as well.
        with suppress(*_FAILURES):
            await self._redis.connection_pool.disconnect(inuse_connections=False)

    def _opened(self, sealed: bytes, place: bytes) -> bytes | None:
        try:
            return self._cipher.decrypt(sealed, [place])
        except (InvalidTag, ValueError):
            return None

    def _now_s(self) -> float:
        return self._clock().timestamp()


def _named(place: bytes) -> bytes:
    return b"tallystick:answer:" + place


def _used(place: bytes) -> bytes:
    return b"tallystick:used:" + place


def _asked_of(tenant: UUID) -> bytes:
    return b"tallystick:asked:" + tenant.bytes
