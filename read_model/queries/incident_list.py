"""The list of incidents: pages of ready items, and counts under the same filters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from sys import maxsize
from typing import Any
from uuid import UUID

from read_model import tables
from read_model.layout import Query
from read_model.queries.asking import Asked
from read_model.queries.cursor import Cursors, Place, Question, must_be_of
from read_model.queries.list_counts import facets_query
from read_model.queries.list_narrowed import parameters
from read_model.queries.list_page import nearest_query, page_query, shape_of
from read_model.queries.parked import parked_of
from read_model.queries.searching import IS_GATHERED, ROUNDS, Round, are_few
from read_model.reader import Reader
from write_model.kernel.recent import Recent

_SHAPES = 500
"""Of questions, whose SQL is kept; about 2 KB each."""


@dataclass(frozen=True, slots=True)
class Page:
    """`items`: a JSON array, ready to be sent; of an earlier moment the ids, for who folds them.

    `next_cursor`: None on the last page.

    `parked`: how many of the organization's incidents, on whatever page, are shown as they were.

    `position`: of the organization, up to which all is shown that the page is made of.
    """

    items: bytes
    next_cursor: str | None
    parked: int
    position: int


class IncidentList:
    def __init__(
        self, reader: Reader, cursors: Cursors, *, rounds: Sequence[Round] = ROUNDS
    ) -> None:
        """`rounds`: how wide to look for words, the last one as wide as it takes."""
        self._reader, self._cursors, self._rounds = reader, cursors, rounds
        # Putting one together takes as long as asking it (70 µs, measured).
        self._pages: Recent[Hashable, bytes] = Recent(_SHAPES)

    async def page(self, tenant: UUID, asked: Asked) -> Page:
        """Raises: Invalid for a cursor of another question; LogRestored for one of another log."""
        place = self._place(tenant, asked)
        row = await self._read(tenant, asked, place)
        items, count, value, key, epoch, any_parked, shown = row
        must_be_of(epoch, place)
        more = count > asked.limit
        ended = Place(epoch, value, str(key), asked.cut and asked.cut.position)
        cursor = self._cursors.seal(_question(tenant, asked), ended) if more else None
        parked = await self._parked(tenant, asked) if any_parked else 0
        return Page(items, cursor, parked, shown)

    async def facets(self, tenant: UUID, asked: Asked) -> dict[str, dict[str | None, int]]:
        """Facet -> value -> how many incidents, the most first; None where there is no value.

        `deviations` counts every time a rule was broken, not the incidents.
        """
        rows = await self._reader.rows(tenant, facets_query(asked), parameters(asked, None))
        counts: dict[str, dict[str | None, int]] = {name: {} for name in asked.facets}
        for name, value, count in sorted(rows, key=lambda row: -row[2]):
            counts[name][value] = count
        return counts

    def position(self, tenant: UUID, asked: Asked) -> int | None:
        """As of which the page before was, so that this one goes on in the same list."""
        place = self._place(tenant, asked)
        return place.position if place else None

    def _place(self, tenant: UUID, asked: Asked) -> Place | None:
        if asked.cursor is None:
            return None
        return self._cursors.open(_question(tenant, asked), asked.cursor)

    async def _read(self, tenant: UUID, asked: Asked, place: Place | None) -> tuple[Any, ...]:
        if asked.words:
            return await self._searched(tenant, asked, place)
        return await self._row(tenant, self._page_query(asked, place), parameters(asked, place))

    async def _searched(self, tenant: UUID, asked: Asked, place: Place | None) -> tuple[Any, ...]:
        row: tuple[Any, ...] = ()
        for each in self._rounds:
            # All are gathered, however many more there have become since they were few.
            told = {**parameters(asked, place), "nearest": each.nearest}
            if await are_few(self._reader, tenant, asked.words, each.few):
                return await self._row(tenant, page_query(asked, place, IS_GATHERED), told)
            row = await self._row(tenant, nearest_query(asked, place), told)
            if row[1] > asked.limit:
                break
        return row

    async def _row(
        self, tenant: UUID, query: Query, parameters: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        [row] = await self._reader.rows(tenant, query, parameters)
        return row

    def _page_query(self, asked: Asked, place: Place | None) -> Query:
        shape = shape_of(asked, place)
        if (query := self._pages.get(shape)) is None:
            query = page_query(asked, place).as_bytes()
            self._pages.remember(shape, query)
        return query

    async def _parked(self, tenant: UUID, asked: Asked) -> int:
        through = asked.cut.position if asked.cut else maxsize
        return await parked_of(self._reader, tenant, "incident", through=through)


def _question(tenant: UUID, asked: Asked) -> Question:
    return Question(tenant, "incidents", asked.bound(), tables.INCIDENT_LIST_VERSION)
