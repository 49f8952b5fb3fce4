"""Whoever goes away while he waits is waited for by nobody: his request ends, his place is free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from api.requests_seen import Seen
from tests.api.serving import Served, Somebody, serving
from tests.api.test_door import holds
from tests.api.test_giving_up import READS, nothing_ends
from tests.embedded import SUPERUSER, Database, until
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

DECLARED = "/v1/incidents"
BODY = b'{"title": "The forklift leaks oil", "severity": "sev3", "team": "warehouse"}'


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    with capture_logs() as lines:
        yield lines


async def asks(served: Served, who: Somebody, line: str, body: bytes = b"") -> asyncio.StreamWriter:
    """Send a request on a connection of its own."""
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = f"{line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {who.token}\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body) or 2}\r\n\r\n"
    writer.write((head + kind).encode() + body)
    await writer.drain()
    return writer


async def becomes(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


def unanswered(served: Served, method: str, route: str) -> int:
    return served.process.seen.by_route.get((method, route), Seen()).codes[0]


@contextmanager
def nothing_is_recorded(database: Database) -> Generator[None]:
    """Whoever appends to the log meanwhile waits."""
    with psycopg.connect(database.conninfo(SUPERUSER)) as held:
        held.execute("LOCK TABLE log.events IN SHARE MODE")
        yield


async def test_who_waits_for_what_is_shown_is_forgotten_when_he_goes(
    settings: Settings, logged: list[EventDict]
) -> None:
    async with serving(settings.model_copy(update={"read_wait_s": 60})) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER)
        for _ in range(3):
            line = await asks(served, ada, "GET /v1/incidents?min_position=999", b"{}")
            await holds(served.process.budgets.door.queries, 1)
            line.transport.abort()
            await holds(served.process.budgets.door.queries, 0)
        assert served.process.budgets.queries.held == 0
        assert unanswered(served, "GET", DECLARED) == 3
        assert (await ada.get(DECLARED)).status_code == 200
    assert not [line for line in logged if line["log_level"] == "error"]


@pytest.mark.parametrize(
    "path",
    ["/v1/metrics/incidents", "/v1/incidents?facets=status", "/v1/incidents?as_of={now}"],
    ids=["figures", "counts", "past"],
)
async def test_the_database_works_for_nobody_who_has_gone(
    settings: Settings, database: Database, path: str
) -> None:
    endless = {"dear_read_timeout_s": 600, "read_timeout_s": 600, "command_deadline_s": 600}
    async with serving(settings.model_copy(update=endless)) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER)
        await ada.declares()
        assert (await ada.get(DECLARED)).status_code == 200
        asked = "GET " + path.format(now=datetime.now(UTC).isoformat()[:19] + "Z")
        with nothing_ends(database, READS):
            lines = [await asks(served, ada, asked, b"{}") for _ in range(20)]
            await asyncio.to_thread(until, lambda: somebody_waits(database), "they wait")
            await holds(served.process.budgets.door.queries, 20)
            for line in lines:
                line.transport.abort()
            await asyncio.to_thread(until, lambda: not somebody_waits(database), "all is off")
        assert (await ada.get("/v1/metrics/incidents")).status_code == 200


async def test_who_waits_for_his_turn_leaves_it_to_others(served: Served) -> None:
    ada = await served.somebody(Role.INCIDENT_COMMANDER)
    turns = served.process.budgets.turns
    taken = [await turns.begin(ada.tenant) for _ in range(256)]
    line = await asks(served, ada, "POST /v1/incidents", BODY)
    await holds(served.process.budgets.door.commands, 1)
    line.transport.abort()
    await holds(served.process.budgets.door.commands, 0)
    for turn in taken:
        turns.end(turn)
    assert served.process.budgets.commands.held == 0
    assert unanswered(served, "POST", DECLARED) == 1
    assert (await ada.declares())["reference"] == "INC-1"


async def test_what_has_been_handed_to_the_log_is_finished(
    served: Served, commander: Somebody, database: Database
) -> None:
    with nothing_is_recorded(database):
        line = await asks(served, commander, "POST /v1/incidents", BODY)
        await asyncio.to_thread(until, lambda: somebody_waits(database), "it waits")
        line.transport.abort()
        await asyncio.sleep(0)
    await holds(served.process.budgets.door.commands, 0)
    assert (await commander.post("/v1/incidents/INC-1/acknowledge")).status_code == 200


def somebody_waits(database: Database) -> bool:
    with psycopg.connect(database.conninfo(SUPERUSER)) as looking:
        waiting = looking.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return waiting.fetchone() is not None


async def test_a_body_that_never_came_whole_is_no_fault_of_ours(
    served: Served, commander: Somebody, logged: list[EventDict]
) -> None:
    line = await asks(served, commander, "POST /v1/incidents")
    await becomes(lambda: served.process.budgets.commands.held == 1)
    line.transport.abort()
    await becomes(lambda: unanswered(served, "POST", DECLARED) == 1)
    assert served.process.budgets.commands.held == 0
    assert not [line for line in logged if line["log_level"] == "error"]
