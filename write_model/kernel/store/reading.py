"""Reads the log back: streams to fold, and ranges of positions for those who follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, OperationalError

from write_model.kernel.asking import ANSWER_S, Pool, Question, Rows, ask
from write_model.kernel.errors import HoleInLog, Unavailable
from write_model.kernel.messages import Recorded
from write_model.kernel.serialization import UnknownTopic, decode
from write_model.kernel.store.recorded_event import Replayed

_PAUSE_S = 0.02

STREAMS = """
    SELECT topic, originator_id, originator_version, notification_id, epoch, tenant_id,
           tenant_position, number, actor_id, command_id, correlation_id, causation_id,
           recorded_at, occurred_at, source, schema_version, state
      FROM log.read_streams(%s, %s, %s)
"""
_KNOWN_KEY = (
    "SELECT digest, stream_id, version, tenant_position, number FROM log.known_key(%s, %s, %s)"
)
_STREAM_OF = "SELECT log.stream_of(%s, %s, %s)"
_RANGE = """
    SELECT topic, originator_id, originator_version, notification_id, epoch, tenant_id,
           tenant_position, number, actor_id, command_id, correlation_id, causation_id,
           recorded_at, occurred_at, source, schema_version, state
      FROM log.events WHERE notification_id > %s ORDER BY notification_id LIMIT %s
"""


def recorded(row: Sequence[Any]) -> Recorded:
    """A row of the queries above with its event decoded.

    Raises: UnknownTopic; pydantic.ValidationError.
    """
    topic, schema_version, state = row[0], row[15], row[16]
    return Recorded(decode(topic, schema_version, state), topic, *row[1:16])


async def read_range(connection: AsyncConnection[Any], after: int, limit: int) -> list[Recorded]:
    """Up to `limit` events with positions after+1, after+2, ...

    Raises: HoleInLog at the first position that is missing.
    """
    cursor = await connection.execute(_RANGE, (after, limit), binary=True)
    rows = await cursor.fetchall()
    for position, row in enumerate(rows, after + 1):
        if row[3] != position:
            raise HoleInLog(position)
    return [recorded(row) for row in rows]


@dataclass(frozen=True, slots=True)
class _Wanted:
    tenant: UUID
    stream: UUID
    after: int
    found: asyncio.Future[list[Recorded]]


class StreamReader:
    """Reads streams for folding; those asked for together are read in one round trip.

    Every question is asked again when its connection is lost or silent for `answer_s`, until
    `deadline_s` has passed.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        streams_per_query: int = 200,
        deadline_s: float = 10.0,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._pool = pool
        self._streams_per_query = streams_per_query
        self._deadline_s, self._answer_s = deadline_s, answer_s
        self._wanted: list[_Wanted] = []
        self._reading: asyncio.Task[None] | None = None

    async def newer(self, tenant: UUID, stream: UUID, *, after: int) -> list[Recorded]:
        """The stream's events past a version, in order; none for another tenant's stream.

        Raises: Unavailable; what `recorded` raises.
        """
        loop = asyncio.get_running_loop()
        wanted = _Wanted(tenant, stream, after, loop.create_future())
        self._wanted.append(wanted)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="read-streams")
        return await wanted.found

    async def _read(self) -> None:
        while self._wanted:
            group = self._wanted[: self._streams_per_query]
            del self._wanted[: len(group)]
            try:
                _deliver(group, await self._query(group))
            except Exception as error:  # noqa: BLE001  handed to those who wait for it
                _fail(group, error)

    async def _query(self, group: list[_Wanted]) -> Rows:
        tenants: dict[UUID, list[_Wanted]] = {}
        for wanted in group:
            tenants.setdefault(wanted.tenant, []).append(wanted)
        answers = await self._answers([_asking(*each) for each in tenants.items()])
        return [row for rows in answers for row in rows]

    async def _answers(self, questions: list[Question]) -> list[Rows]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._deadline_s
        left_s = self._deadline_s
        while True:
            try:
                return await ask(
                    self._pool,
                    questions,
                    timeout_s=min(self._answer_s, left_s),
                    connect_s=left_s,
                )
            except OperationalError as error:
                if (left_s := deadline - loop.time() - _PAUSE_S) <= 0:
                    raise Unavailable from error
            await asyncio.sleep(_PAUSE_S)

    async def known_key(self, tenant: UUID, actor: UUID, key: str) -> tuple[bytes, Replayed] | None:
        """The digest of the request that came with this key, and the answer it got."""
        (rows,) = await self._answers([Question(tenant, _KNOWN_KEY, (tenant, actor, key))])
        return (rows[0][0], Replayed(*rows[0][1:])) if rows else None

    async def stream_of(self, tenant: UUID, kind: str, number: int) -> UUID | None:
        """The stream behind a reference: ("incident", 42) for INC-42."""
        question = Question(tenant, _STREAM_OF, (tenant, kind, number))
        (((stream,),),) = await self._answers([question])
        return stream  # type: ignore[no-any-return]  # a row is untyped


def _asking(tenant: UUID, group: list[_Wanted]) -> Question:
    parameters = ([tenant] * len(group), [w.stream for w in group], [w.after for w in group])
    return Question(tenant, STREAMS, parameters)


def _deliver(group: list[_Wanted], rows: Rows) -> None:
    streams: dict[tuple[UUID, UUID], dict[int, Any]] = {}
    for row in rows:
        # By version: the same stream may be asked for twice in a group, from different ones.
        streams.setdefault((row[5], row[1]), {})[row[2]] = row
    for wanted in group:
        versions = streams.get((wanted.tenant, wanted.stream), {})
        newer = [versions[version] for version in sorted(versions) if version > wanted.after]
        _give(wanted, newer)


def _give(wanted: _Wanted, rows: Rows) -> None:
    """A stream that cannot be read fails those who asked for it, not the others of the group."""
    if wanted.found.done():
        return
    try:
        wanted.found.set_result([recorded(row) for row in rows])
    except (UnknownTopic, ValueError) as error:
        wanted.found.set_exception(error)


def _fail(group: list[_Wanted], error: Exception) -> None:
    for wanted in group:
        if not wanted.found.done():
            wanted.found.set_exception(error)
