"""Which incidents have the words that somebody searches for.

Few are gathered by the index of words. Of many, a page most often finds its own among the nearest
in its order when each of these is asked. Where it does not, it looks wider in the same way.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from read_model import tables
from read_model.reader import Reader

ALL = 2_147_483_647


class Round(NamedTuple):
    """Gather when there are at most so `few`, else ask so many of the `nearest`."""

    few: int
    nearest: int


ROUNDS = Round(few=2_000, nearest=20_000), Round(few=50_000, nearest=ALL)
"""At a million incidents both ways of the first take some 20 ms, those of the second less than a
second (measured)."""

_ARE_FEW = sql.SQL("SELECT projections.incidents_with(%(q)s, %(few)s) IS NOT NULL")

ANY_WORDS = sql.SQL("")
IS_GATHERED = sql.SQL("AND id IN (SELECT unnest(projections.incidents_with(%(q)s, %(few)s)))")
# A value and no join, so that the planner cannot begin with the words: behind the wall it would
# have to look at those of everybody.
IS_ASKED = sql.SQL(
    "AND (SELECT words @@ websearch_to_tsquery('simple', %(q)s)"
    " FROM (SELECT id AS searched, words FROM {} WHERE tenant_id = %(tenant)s) AS texts"
    " WHERE searched = id)"
).format(tables.INCIDENT_SEARCH)


async def are_few(reader: Reader, tenant: UUID, words: str, few: int) -> bool:
    """Whether at most so many incidents have these words."""
    [(answer,)] = await reader.rows(tenant, _ARE_FEW, {"q": words, "few": few})
    return bool(answer)
