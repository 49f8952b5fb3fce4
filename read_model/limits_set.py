"""How often single organizations may ask, where the operator has set it for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg

from write_model.kernel.asking import Pool

_SINCE: LiteralString = (
    "SELECT tenant_id, kind, of_organization, of_actor, changed_at FROM access.limits_since(%s)"
)
_OF_ONE: LiteralString = "SELECT kind, of_organization, of_actor FROM access.limits_of(%s)"
_SET: LiteralString = "SELECT access.set_limit(%s, %s, %s, %s)"

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_OVERLAP = timedelta(seconds=10)
"""What was set before another may be committed after it."""


class Often(NamedTuple):
    """How many a minute of an organization, and of one who asks in it."""

    of_organization: int
    of_actor: int


class Setting(NamedTuple):
    """`often`: None where it is for this organization as for all others."""

    tenant: UUID
    kind: str
    often: Often | None
    changed_at: datetime


async def set_since(pool: Pool, since: datetime) -> Sequence[Setting]:
    """What was set since, in that order; some of what was set shortly before comes again."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_SINCE, [since - _OVERLAP])
        return [
            Setting(tenant, kind, _often(of_organization, of_actor), changed_at)
            for tenant, kind, of_organization, of_actor, changed_at in await cursor.fetchall()
        ]


def limits_of(connection: psycopg.Connection[Any], tenant: UUID) -> Mapping[str, Often]:
    """Kind -> what is set for this organization."""
    rows = connection.execute(_OF_ONE, [tenant]).fetchall()
    return {kind: Often(of_organization, of_actor) for kind, of_organization, of_actor in rows}


def set_limit(
    connection: psycopg.Connection[Any], tenant: UUID, kind: str, often: Often | None
) -> None:
    """None: from now on as for all others."""
    both = (None, None) if often is None else often
    connection.execute(_SET, [tenant, kind, *both])


def _often(of_organization: int | None, of_actor: int | None) -> Often | None:
    if of_organization is None or of_actor is None:
        return None
    return Often(of_organization, of_actor)
