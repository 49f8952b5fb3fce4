"""Pages of the lists that lie beside the read model: of people, API keys and sign-ins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from api.openapi import CURSOR, LIMIT
from api.process import process
from api.reads import JSON, limit_of, next_page
from read_model.queries.cursor import Place, Question
from write_model.kernel.listing import BEFORE_ALL, Mark

IN_PAGES = (CURSOR, LIMIT)
ASKED = tuple(str(each["name"]) for each in IN_PAGES)
"""What may be asked of such a list."""


class Marked(Protocol):
    @property
    def mark(self) -> Mark: ...


Item = TypeVar("Item", bound=Marked)
Found = TypeVar("Found", bound=Marked, covariant=True)


class Following(Protocol[Found]):
    """What an organization or a person has after a mark, and so much at most."""

    async def __call__(self, whose: UUID, /, *, after: Mark, at_most: int) -> Sequence[Found]: ...


class Page(NamedTuple, Generic[Item]):
    """`cursor`: of the next page; None on the last one."""

    found: Sequence[Item]
    cursor: str | None


async def page(
    request: Request, whose: UUID, following: Following[Item], *, first: Mark = BEFORE_ALL
) -> Page[Item]:
    """The page that is asked for; `first`: where the list begins.

    Raises: Invalid for a limit that there is not, and for a cursor of another list.
    """
    limit, cursors = limit_of(request), process(request).questions.cursors
    question = Question(whose, request.scope["path"], "", 1)
    cursor = request.query_params.get("cursor")
    after = _mark(cursors.open(question, cursor)) if cursor else first
    found = await following(whose, after=after, at_most=limit + 1)
    if len(found) <= limit:
        return Page(found, None)
    return Page(found[:limit], cursors.seal(question, _place(found[limit - 1].mark)))


def listed(request: Request, items: list[dict[str, Any]], cursor: str | None) -> Response:
    """The answer with a page's items, which leads to the next one."""
    link = next_page(request, cursor)
    headers = {} if link is None else {"Link": f'<{link}>; rel="next"'}
    content = to_json({"items": items, "next_cursor": cursor})
    return Response(content, 200, headers, JSON)


def _place(mark: Mark) -> Place:
    return Place(0, mark.at.isoformat(), str(mark.id))


def _mark(place: Place) -> Mark:
    return Mark(datetime.fromisoformat(place.value), UUID(place.key))
