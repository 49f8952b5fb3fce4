"""One incident as a ready document; reads that arrive together become one query."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.queries.parked import IS_PARKED, NEVER_SHOWN
from read_model.queries.position import SHOWN
from read_model.reader import Reader

_COLUMNS = sql.SQL(
    "id, number, version, is_personal, {}, {}, people, convert_to(document, 'UTF8')"
).format(IS_PARKED, SHOWN)
_BY_ID = (
    sql.SQL("SELECT {} FROM {} WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s)")
    .format(_COLUMNS, tables.INCIDENT)
    .as_bytes()
)
_BY_NUMBER = sql.SQL(
    "SELECT {} FROM {} WHERE tenant_id = %(tenant)s AND id ="
    " (SELECT id FROM {} WHERE tenant_id = %(tenant)s AND number = %(number)s)"
).format(_COLUMNS, tables.INCIDENT, tables.INCIDENT_LIST)

_REFERENCE = re.compile(r"INC-([1-9][0-9]{0,17})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ShownIncident:
    """`document`: JSON, ready to be sent. `is_personal`: it holds sealed values.

    `is_parked`: later events are not in it. `position`: of the organization, up to which it is
    told; None of an earlier moment. `people`: the subjects it names.
    """

    id: UUID
    number: int
    version: int
    is_personal: bool
    is_parked: bool
    position: int | None
    people: tuple[UUID, ...]
    document: bytes


class Incidents:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._waiting: dict[UUID, dict[UUID, asyncio.Future[ShownIncident | None]]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def find(self, tenant: UUID, id_or_reference: str) -> ShownIncident | None:
        """By id or by reference such as INC-42; None when the organization has no such incident."""
        if match := _REFERENCE.fullmatch(id_or_reference):
            return await self.by_number(tenant, int(match[1]))
        try:
            return await self.by_id(tenant, UUID(id_or_reference))
        except ValueError:
            return None

    async def by_number(self, tenant: UUID, number: int) -> ShownIncident | None:
        row = await self._reader.row(tenant, _BY_NUMBER, {"number": number})
        return _shown(row) if row else None

    async def by_id(self, tenant: UUID, id_: UUID) -> ShownIncident | None:
        if not self._waiting:
            task = asyncio.create_task(self._read(), name="read-incidents")
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        waiting = self._waiting.setdefault(tenant, {})
        # Shielded: a client who goes away must not cancel what others wait for.
        future = waiting.setdefault(id_, asyncio.get_running_loop().create_future())
        return await asyncio.shield(future)

    async def is_kept_back(self, tenant: UUID, id_: UUID) -> bool:
        """Whether an incident of which nothing is shown is parked."""
        parameters = {"stream": id_, "kind": "incident"}
        [(is_parked,)] = await self._reader.rows(tenant, NEVER_SHOWN, parameters)
        return bool(is_parked)

    async def _read(self) -> None:
        await asyncio.sleep(0)  # whoever is ready in this turn of the loop comes along
        waiting, self._waiting = self._waiting, {}
        asked = [(tenant, _BY_ID, {"ids": list(ids)}) for tenant, ids in waiting.items()]
        try:
            answers = await self._reader.many(asked)
        except Exception as error:  # noqa: BLE001  # handed on to everyone who waits for it
            for future in (each for ids in waiting.values() for each in ids.values()):
                future.set_exception(error)
            return
        for ids, rows in zip(waiting.values(), answers, strict=True):
            found = {row[0]: _shown(row) for row in rows}
            for id_, future in ids.items():
                future.set_result(found.get(id_))


def _shown(row: tuple[Any, ...]) -> ShownIncident:
    id_, number, version, is_personal, is_parked, position, people, document = row
    return ShownIncident(
        id_, number, version, is_personal, is_parked, position, tuple(people), document
    )
