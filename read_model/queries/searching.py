"""Which incidents have the words that somebody searches for.

Few are gathered by the index of words, and the planner sees how few there are. Of many, a page most
often finds its own among the nearest in its order when it asks each; else all are gathered.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.reader import Reader

FEW = 2_000
"""To gather so many of a million takes about 10 ms (measured)."""

NEAREST = 20_000
"""To ask so many takes about 50 ms (measured)."""

WITH_WORDS = sql.SQL("SELECT projections.incidents_with(%(q)s, %(few)s)")

IS_ONE_OF_FEW = sql.SQL("AND id = ANY(%(found)s)")
IS_ONE_OF_ALL = sql.SQL("AND id IN (SELECT unnest(projections.incidents_with(%(q)s, 2147483647)))")
# A value and no join, so that the planner cannot begin with the words: behind the wall it would
# have to look at those of everybody.
HAS_WORDS = sql.SQL(
    "AND (SELECT words @@ websearch_to_tsquery('simple', %(q)s)"
    " FROM (SELECT id AS searched, words FROM {} WHERE tenant_id = %(tenant)s) AS texts"
    " WHERE searched = id)"
).format(tables.INCIDENT_SEARCH)


async def few_with(
    reader: Reader, tenant: UUID, words: str, *, few: int = FEW
) -> Sequence[UUID] | None:
    """The incidents that have these words, in no order; None when they are more than `few`."""
    [(found,)] = await reader.rows(tenant, WITH_WORDS, {"q": words, "few": few})
    return found  # type: ignore[no-any-return]  # uuid[] or null
