"""Pages of incidents as people ask for them, over HTTP, with several asking at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, LiteralString
from urllib.parse import quote

import psycopg
from pydantic_core import from_json

from tests.benchmarks.measuring import Measured
from tests.benchmarks.product import get
from tests.benchmarks.server import BenchServer
from workers.importing.connection import Connection, Origin

ASKING = 4
_PAGES = 4
"""How far each who asks follows the cursors."""
_DEEP_PAGES = 100
"""Of 500 incidents: so far in lies the page that a deep cursor names."""

_ALONE, _ALONE_AT_MOST_S = 200, 20.0
"""How often one client puts the same question, unless that takes too long."""

_VALUES = (
    "SELECT (SELECT team FROM projections.{list} GROUP BY team ORDER BY count(*) DESC LIMIT 1),"
    " (SELECT team FROM projections.{list} GROUP BY team ORDER BY count(*) LIMIT 1),"
    " (SELECT assignee FROM projections.{list} GROUP BY assignee ORDER BY count(*) LIMIT 1),"
    " (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY opened_at) FROM projections.{list})"
)

# Half of all that there is had been recorded by then.
_THEN: LiteralString = (
    "SELECT recorded_at FROM log.events"
    " WHERE notification_id = (SELECT max(notification_id) / 2 FROM log.events)"
)


def questions(server: BenchServer) -> Mapping[str, str]:
    """Name -> what stands behind the question mark; rare values are the hard ones."""
    with psycopg.connect(server.admin(), options="-c timezone=UTC") as connection:
        named = "SELECT table_name FROM projections.current WHERE name = 'incident_list'"
        [[table]] = connection.execute(named).fetchall()
        query = _VALUES.replace("{list}", table)
        [[team, rare_team, person, middle]] = connection.execute(query.encode()).fetchall()
    middle = quote(middle.isoformat())
    return {
        "newest": "",
        "oldest": "sort=opened_at",
        "number": "sort=-number",
        "updated": "sort=-updated_at",
        "gravest": "sort=severity",
        "closed": "status=closed",
        "open": "status=open",
        "in_progress_or_on_hold": "status=in_progress,on_hold",
        "in_progress_updated": "status=in_progress&sort=-updated_at",
        "sev1": "severity=sev1",
        "sev2_closed": "severity=sev2&status=closed",
        "team": f"team={quote(team)}",
        "rare_team": f"team={quote(rare_team)}",
        "rare_team_updated": f"team={quote(rare_team)}&sort=-updated_at",
        "rare_team_number": f"team={quote(rare_team)}&sort=-number",
        "assignee": f"assignee={person}",
        "opened_before": f"opened_at[lt]={middle}",
        "opened_after_sev2": f"opened_at[gte]={middle}&severity=sev2",
        "source_key": "source=demo&source_key=DEMO-1-7",
        "priority": "priority=high",
    }


def besides(server: BenchServer) -> Mapping[str, str]:
    """Name -> path of what is asked of very many incidents beside pages of the present."""
    with psycopg.connect(server.admin(), options="-c timezone=UTC") as connection:
        [(then,)] = connection.execute(_THEN).fetchall()
    then = quote(then.isoformat())
    return {
        "search_rare": f"/v1/incidents?q={quote('forklift 7 leaks')}",
        "search_frequent": "/v1/incidents?q=forklift",
        "facets": "/v1/incidents?limit=1&facets=status,severity,priority,team",
        "facets_of_team": "/v1/incidents?limit=1&facets=team",
        "metrics": "/v1/metrics/incidents?interval=month&group_by=severity",
        "list_as_of": f"/v1/incidents?as_of={then}",
        "list_as_of_severity": f"/v1/incidents?as_of={then}&sort=severity",
    }


async def alone(
    origin: Origin, access: str, paths: Mapping[str, str]
) -> Mapping[str, tuple[Measured, int]]:
    """Each path by one client; `waits` in the order of the answers, and how many were refused.

    The first of a dear question is computed, and the others may be kept.
    """
    line = Connection(origin)
    found = {name: await _again_and_again(line, get(access, path)) for name, path in paths.items()}
    line.close()
    return found


async def _again_and_again(line: Connection, content: bytes) -> tuple[Measured, int]:
    waits, refused, began = list[float](), 0, perf_counter()
    while len(waits) < _ALONE and perf_counter() - began < _ALONE_AT_MOST_S:
        sent = perf_counter()
        answer = await line.ask(content)
        waits.append(perf_counter() - sent)
        refused += not answer.ok
    return Measured(len(waits), perf_counter() - began, tuple(waits)), refused


async def measured(
    origin: Origin, access: str, asked: Mapping[str, str], *, lasting_s: float
) -> Mapping[str, list[float]]:
    """Name -> how long each page took, in seconds, cursors followed; `deep`: far behind."""
    asker = _Asker(origin, access)
    deep = {"newest": await asker.deep(""), "updated": await asker.deep("sort=-updated_at")}
    paths = {**asked, **{f"deep_{name}": question for name, question in deep.items()}}
    found: dict[str, list[float]] = {name: [] for name in paths}
    end = perf_counter() + lasting_s
    await asyncio.gather(*(asker.walk(paths, found, end, number) for number in range(ASKING)))
    return found


class _Asker:
    def __init__(self, origin: Origin, access: str) -> None:
        self._origin, self._access = origin, access
        self._first = Connection(origin)

    async def deep(self, question: str) -> str:
        """The question with the cursor of a page far behind, or the last that there is."""
        cursor: str | None = None
        for _ in range(_DEEP_PAGES):
            path = f"limit=500&fields=id&{question}" + (f"&cursor={cursor}" if cursor else "")
            following = (await self._page(self._first, path))["next_cursor"]
            if following is None:
                break
            cursor = following
        return f"{question}&cursor={cursor}" if cursor else question

    async def walk(
        self, asked: Mapping[str, str], found: dict[str, list[float]], end: float, number: int
    ) -> None:
        """Every question once in an order of one's own, again and again."""
        line, order = Connection(self._origin), random.Random(number)
        names: Sequence[str] = list(asked)
        while perf_counter() < end:
            for name in order.sample(names, len(names)):
                await self._follow(line, asked[name], found[name])

    async def _follow(self, line: Connection, question: str, took_s: list[float]) -> None:
        cursor = ""
        for _ in range(_PAGES):
            began = perf_counter()
            page = await self._page(line, f"{question}{cursor}")
            took_s.append(perf_counter() - began)
            if page["next_cursor"] is None or "cursor=" in question:
                return
            cursor = f"&cursor={page['next_cursor']}"

    async def _page(self, line: Connection, question: str) -> Any:
        answer = await line.ask(get(self._access, f"/v1/incidents?{question}"))
        assert answer.ok, (question, answer.body)
        return from_json(answer.body)
