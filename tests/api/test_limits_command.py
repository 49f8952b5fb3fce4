"""`tallystick limits` shows and sets how often one organization may ask, in every process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from api.command_line.app import app
from tests.api.serving import LEAK, Somebody, serving, told
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings

Ask = Callable[..., Result]

TWO = ("--of-organization", "2", "--of-actor", "2")


@pytest.fixture
def ask(settings: Settings) -> Ask:
    """Runs `tallystick limits ...` on this test's database."""
    environment = {
        "TALLYSTICK_SOCKET_FOLDER": str(settings.socket_folder),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
    }

    def asked(organization: UUID, *words: str) -> Result:
        line = ["limits", str(organization), *words, "--home", str(settings.home)]
        return CliRunner().invoke(app, line, env=environment)

    return asked


async def policy_becomes(who: Somebody, wanted: str) -> None:
    """Within the time in which every process takes over what was set."""
    async with asyncio.timeout(10):
        while True:
            answer = await who.get("/v1/incidents")
            if wanted in answer.headers["RateLimit-Policy"]:
                return
            await asyncio.sleep(0.1)


async def test_a_running_process_follows_what_the_operator_sets(
    settings: Settings, ask: Ask
) -> None:
    async with serving(settings) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER)
        eve = await served.somebody(Role.INCIDENT_COMMANDER)
        shown = await asyncio.to_thread(ask, ada.tenant)
        assert (shown.exit_code, shown.stdout) == (0, "As for all others, by the settings.\n")
        few = ("--of-organization", "50", "--of-actor", "40", "--json")
        done = await asyncio.to_thread(ask, ada.tenant, "queries", *few)
        assert json.loads(done.stdout) == {"queries": {"of_organization": 50, "of_actor": 40}}
        await policy_becomes(ada, '"queries-organization";q=50;w=60, "queries-actor";q=40;w=60')
        assert "q=600000" in (await eve.get("/v1/incidents")).headers["RateLimit-Policy"]
        await asyncio.to_thread(ask, ada.tenant, "queries", "--as-others")
        await policy_becomes(ada, "q=600000")


async def test_a_process_that_starts_knows_what_was_set(settings: Settings, ask: Ask) -> None:
    async with serving(settings) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER)
        await ada.declares()
    assert (await asyncio.to_thread(ask, ada.tenant, "commands", *TWO)).exit_code == 0
    async with serving(settings) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER, tenant=ada.tenant)
        answers = [await ada.post("/v1/incidents", LEAK) for _ in range(3)]
        assert (answers[0].status_code, answers[2].status_code) == (201, 429)
        assert told(answers[2])["code"] == "rate_limited"


@pytest.mark.parametrize(
    "words",
    [
        ("forklifts", *TWO),
        ("commands",),
        ("commands", "--of-actor", "2"),
        ("commands", "--as-others", *TWO),
        ("commands", "--of-organization", "0", "--of-actor", "2"),
        TWO,
    ],
)
async def test_what_cannot_be_meant_is_refused(
    settings: Settings, ask: Ask, words: tuple[str, ...]
) -> None:
    async with serving(settings) as served:
        ada = await served.somebody(Role.INCIDENT_COMMANDER)
    refused = await asyncio.to_thread(ask, ada.tenant, *words)
    assert refused.exit_code == 2


def test_an_organization_that_is_not_there_is_refused(ask: Ask) -> None:
    refused = ask(new_id(), "commands", *TWO)
    assert refused.exit_code == 2
    assert "no such organization" in refused.output
