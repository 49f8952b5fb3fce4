"""Who appears in an organization; names stay sealed until the rim opens them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql
from pydantic_core import from_json

from read_model import tables
from read_model.reader import Reader

_BY_SUBJECT = sql.SQL(
    "SELECT subject_id, standing, document FROM {}"
    " WHERE tenant_id = %(tenant)s AND subject_id = ANY(%(subjects)s)"
).format(tables.PEOPLE)
_ALL = sql.SQL(
    "SELECT subject_id, standing, document FROM {}"
    " WHERE tenant_id = %(tenant)s AND subject_id > %(after)s ORDER BY subject_id LIMIT %(limit)s"
).format(tables.PEOPLE)

_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Person:
    """`name`: in travelling form, see kernel/personal.py."""

    subject: UUID
    standing: str
    roles: tuple[str, ...]
    name: dict[str, Any]


class People:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def named(self, tenant: UUID, subjects: Iterable[UUID]) -> dict[UUID, Person]:
        """Those of the subjects that the organization knows."""
        rows = await self._reader.rows(tenant, _BY_SUBJECT, {"subjects": list(subjects)})
        return {row[0]: _person(*row) for row in rows}

    async def page(self, tenant: UUID, *, after: UUID = _FIRST, limit: int = 50) -> list[Person]:
        """In the order of their ids."""
        rows = await self._reader.rows(tenant, _ALL, {"after": after, "limit": limit})
        return [_person(*row) for row in rows]


def _person(subject: UUID, standing: str, document: str) -> Person:
    fields = from_json(document)
    return Person(subject, standing, tuple(fields["roles"]), fields["name"])
