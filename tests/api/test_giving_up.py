"""What takes the database too long is given up, each kind after a time of its own, and told so."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import pytest

from tests.api.serving import LEAK, Served, Somebody, serving, told
from tests.awake import awake
from tests.embedded import SUPERUSER, Database
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

COMMANDS = "LOCK TABLE log.events"
READS = (
    "LOCK TABLE projections.incident_v1, projections.incident_list_v1,"
    " projections.incident_figures_v1, projections.incident_versions_v1"
)
READ_S, DEAR_S, COMMAND_S = 0.3, 1.2, 0.6


@pytest.fixture
def hasty(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "read_timeout_s": READ_S,
            "dear_read_timeout_s": DEAR_S,
            "statement_timeout_ms": 200,
            "lock_timeout_ms": 200,
            "command_deadline_s": COMMAND_S,
        }
    )


@contextmanager
def nothing_ends(database: Database, lock: LiteralString) -> Generator[None]:
    """Every statement that needs the table runs until it is ended."""
    with psycopg.connect(database.conninfo(SUPERUSER)) as held:
        held.execute(lock)
        yield


@pytest.mark.parametrize(
    ("path", "after_s", "before_s"),
    [
        ("/v1/incidents", READ_S, DEAR_S),
        ("/v1/incidents/INC-1", READ_S, DEAR_S),
        ("/v1/metrics/incidents", DEAR_S, 6),
        ("/v1/incidents?as_of={now}", DEAR_S, 6),
    ],
    ids=["list", "record", "figures", "past"],
)
async def test_a_question_has_the_time_of_its_kind(
    hasty: Settings, database: Database, path: str, after_s: float, before_s: float
) -> None:
    async with serving(hasty) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER)
        await ada.declares()
        assert (await ada.get("/v1/incidents")).status_code == 200
        with nothing_ends(database, READS):
            async with awake() as passed_s:
                began_s = time.monotonic()
                refused = await ada.get(path.format(now=datetime.now(UTC).isoformat()[:19] + "Z"))
                assert after_s <= time.monotonic() - began_s
                assert passed_s() < before_s
        assert (refused.status_code, told(refused)["code"]) == (503, "unavailable")
        assert "ask for less" in told(refused)["detail"]
        assert refused.headers["Retry-After"] == "5"
        assert (await ada.get("/v1/incidents")).status_code == 200


async def test_a_command_is_told_to_come_again(hasty: Settings, database: Database) -> None:
    async with serving(hasty) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER)
        await ada.declares()
        with nothing_ends(database, COMMANDS):
            refused = await ada.post("/v1/incidents", LEAK)
        assert (refused.status_code, told(refused)["code"]) == (503, "unavailable")
        assert "try again" in told(refused)["detail"]
        assert (await ada.post("/v1/incidents", LEAK)).status_code == 201


async def test_what_is_dear_leaves_the_other_questions_their_connections(
    served: Served, commander: Somebody
) -> None:
    dear = served.process.pools["dear-reading"]
    taken = [await dear.getconn() for _ in range(dear.max_size)]
    assert (await commander.get("/v1/incidents")).status_code == 200
    for connection in taken:
        await dear.putconn(connection)
    assert (await commander.get("/v1/metrics/incidents")).status_code == 200
