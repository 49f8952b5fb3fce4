"""What the server already has of an old system, read from its query API."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic_core import from_json

from workers.importing.connection import Connection
from workers.importing.session import ImportStopped, Session, detail

_PAGE = 500
_PATIENCE_S = 120.0
"""How long the end of an import waits for the read side; each question waits a while itself."""


class Known(NamedTuple):
    """An incident of an earlier run; (row, step) is the last command it took in."""

    id: str
    version: int
    through: tuple[int, int]


class Standing(NamedTuple):
    """All incidents of one source: by source key, and the rules that their history broke."""

    known: dict[str, Known]
    deviations: Counter[str]


async def standing(session: Session, connection: Connection, source: str) -> Standing:
    """Where every incident of the source stands now."""
    known, deviations = dict[str, Known](), Counter[str]()
    fields = "id,version,source_key,imported_through,deviations"
    async for item in _items(session, connection, source, fields):
        through = item.get("imported_through") or {"row": 0, "step": 0}
        deviations.update(item.get("deviations") or ())
        if key := item.get("source_key"):
            known[key] = Known(item["id"], item["version"], (through["row"], through["step"]))
    return Standing(known, deviations)


async def deviations(
    session: Session, connection: Connection, source: str, *, at_position: int
) -> Counter[str]:
    """How often the source's history broke each rule, once `at_position` is projected."""
    counted = Counter[str]()
    async for item in _items(session, connection, source, "id,deviations", at_position):
        counted.update(item.get("deviations") or ())
    return counted


async def _items(
    session: Session, connection: Connection, source: str, fields: str, at_position: int = 0
) -> AsyncIterator[dict[str, Any]]:
    question: dict[str, Any] = {"source": source, "fields": fields, "limit": _PAGE}
    if at_position:
        question["min_position"] = at_position
    while True:
        page = await _page(session, connection, question)
        for item in page["items"]:
            yield item
        if not page["next_cursor"]:
            return
        question["cursor"] = page["next_cursor"]


async def _page(
    session: Session, connection: Connection, question: dict[str, Any]
) -> dict[str, Any]:
    give_up_at = monotonic() + _PATIENCE_S
    while True:
        answer = await session.ask(connection, "GET", f"/v1/incidents?{urlencode(question)}")
        if not answer.ok:
            raise ImportStopped(f"The incidents cannot be listed: {detail(answer)}")
        page: dict[str, Any] = from_json(answer.body)
        if not page.get("stale"):
            return page
        if monotonic() > give_up_at:
            raise ImportStopped("The read side lags behind; look at `tallystick up` and run again.")
