"""What the server already has of an old system, read from its query API."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic_core import from_json

from workers.importing.connection import Answer, Connection
from workers.importing.session import ImportStopped, Session, detail

_PAGE = 500
_PATIENCE_S = 120.0
"""How long the read side may stand still; each question waits a while itself."""

Told = Callable[[int], None]
"""Hears how far the read side has come."""


class Known(NamedTuple):
    """An incident of an earlier run; (row, step) is the last command it took in."""

    id: str
    version: int
    through: tuple[int, int]


class Standing:
    """Questions about the incidents of one source."""

    def __init__(self, session: Session, connection: Connection, source: str) -> None:
        """Raises: ImportStopped when the source cannot be asked for by its name."""
        if "," in source:
            raise ImportStopped(f"Name the source {source!r} without a comma.")
        self._session = session
        self._connection = connection
        self._source = source

    async def known(self) -> dict[str, Known]:
        """Every incident of the source, by source key."""
        known = dict[str, Known]()
        async for item in self._items():
            through = item.get("imported_through") or {"row": 0, "step": 0}
            if key := item.get("source_key"):
                known[key] = Known(item["id"], item["version"], (through["row"], through["step"]))
        return known

    async def deviations(self) -> Counter[str]:
        """How often the source's history broke each rule, as far as it is shown."""
        page = from_json((await self._answer(facets="deviations", limit=1)).body)
        return Counter(page["facets"]["deviations"])

    async def shown(self, position: int, told: Told) -> None:
        """Wait until `position` is shown. Raises: ImportStopped when nothing moves for long."""
        reached, give_up_at = 0, monotonic() + _PATIENCE_S
        while True:
            answer = await self._answer(fields="id", limit=1, min_position=position)
            if not from_json(answer.body).get("stale"):
                return
            if (now_at := int(answer.headers.get(b"x-position", b"0"))) > reached:
                reached, give_up_at = now_at, monotonic() + _PATIENCE_S
                told(reached)
            if monotonic() > give_up_at:
                raise ImportStopped("The read side lags behind; run the same command again later.")

    async def _items(self) -> AsyncIterator[dict[str, Any]]:
        asked: dict[str, Any] = {
            "fields": "id,version,source_key,imported_through",
            "limit": _PAGE,
        }
        while True:
            page = from_json((await self._answer(**asked)).body)
            for item in page["items"]:
                yield item
            if not page["next_cursor"]:
                return
            asked["cursor"] = page["next_cursor"]

    async def _answer(self, **asked: Any) -> Answer:
        path = f"/v1/incidents?{urlencode({'source': self._source} | asked)}"
        answer = await self._session.ask(self._connection, "GET", path)
        if not answer.ok:
            raise ImportStopped(f"The incidents cannot be listed: {detail(answer)}")
        return answer
