"""What Prometheus reads: opened by a token of its own, exact, and nothing of any organization."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from api.command_line.app import app
from tests.api.serving import Served, Somebody, told
from tests.api.test_dead_letters import pause
from tests.api.test_parked import project
from tests.api.test_trouble import aged, damaged
from tests.embedded import SUPERUSER, Database
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

Samples = dict[str, float]


async def measured(served: Served) -> Samples:
    """Sample -> value, with its labels as they stand in the text, but for the process."""
    bearer = {"Authorization": f"Bearer {served.process.metrics_token}"}
    answer = await served.http.get("/metrics", headers=bearer)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        sample.name.removeprefix("tallystick_")
        + "".join(f",{value}" for name, value in sample.labels.items() if name != "process"): (
            sample.value
        )
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def until(served: Served, true: Callable[[Samples], bool]) -> Samples:
    async with asyncio.timeout(20):
        while True:
            if true(found := await measured(served)):
                return found
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("given", [None, "Bearer", "Bearer wrong", "Basic {}", "Bearer é"])
async def test_without_its_token_nothing_is_told(served: Served, given: str | None) -> None:
    sent = (given or "").format(served.process.metrics_token).encode()
    headers = {b"Authorization": sent} if given else {}
    answer = await served.http.get("/metrics", headers=headers)
    assert (answer.status_code, told(answer)["code"]) == (401, "unauthenticated")
    assert "tallystick metrics-token" in told(answer)["detail"]


async def test_a_members_token_does_not_open_it(owner: Somebody) -> None:
    assert (await owner.get("/metrics")).status_code == 401


def test_the_token_is_printed_for_whoever_has_the_secret(
    settings: Settings, served: Served
) -> None:
    asked = CliRunner().invoke(app, ["metrics-token", "--home", str(settings.home)])
    assert (asked.exit_code, asked.stdout) == (0, served.process.metrics_token + "\n")
    none = CliRunner().invoke(app, ["metrics-token", "--home", str(settings.home / "none")])
    assert none.exit_code == 2
    assert "There is no installation in" in none.stderr


async def test_whoever_is_sent_away_is_told_by_each_code_there_is(served: Served) -> None:
    told_ = {name for name in await measured(served) if "subscribers_sent_away_total" in name}
    assert {name[-4:] for name in told_} == {"1008", "1012", "1013", "1014"}


async def test_requests_are_told_by_route_and_how_they_ended(
    served: Served, owner: Somebody
) -> None:
    await owner.declares()
    for reference in ("INC-1", "INC-2", "INC-3"):
        await owner.get(f"/v1/incidents/{reference}")
    await owner.get("/v1/forklifts/7")
    await owner.http.request("PURGE", "/v1/incidents/INC-1")
    found = await measured(served)
    one = "GET,/v1/incidents/{id}"
    answered = [found[f"http_requests_total,{code},{one}"] for code in ("2xx", "4xx")]
    assert answered == [0, 3]
    assert found["http_requests_total,4xx,other,/v1/incidents/{id}"] == 1
    assert found["http_requests_total,2xx,POST,/v1/incidents"] == 1
    assert found["http_requests_total,4xx,GET,none"] == 1
    assert found[f"http_request_seconds_count,{one}"] == 3
    assert found[f"http_request_seconds_bucket,+Inf,{one}"] == 3
    assert found[f"http_request_seconds_sum,{one}"] > 0
    told_of = str(found)
    assert not any(word in told_of for word in ("INC-1", "forklifts", "PURGE"))


async def test_how_commands_share_commits_is_told(served: Served, owner: Somebody) -> None:
    before = await measured(served)
    await asyncio.gather(*(owner.declares() for _ in range(10)))
    found = await measured(served)
    commits = found["api_commits_total"]
    assert found["api_commit_commands_count"] == found["api_commit_wait_seconds_count"] == commits
    assert found["api_commit_commands_sum"] == found["api_commands_total"]
    assert found["api_commands_total"] - before["api_commands_total"] == 10
    assert found["api_commit_seconds_count"] >= commits
    assert 0 < found["api_commit_wait_seconds_sum"] < 10
    assert found["api_pool,reading,pool_max"] == 8


@pytest.mark.usefixtures("projector")
async def test_what_the_projector_does_is_measured(served: Served, owner: Somebody) -> None:
    await owner.declares()
    end = await until(served, lambda found: bool(found["projector_batch_events_sum"]))
    end = await until(
        served, lambda found: found["projector_batch_events_sum"] == end["log_position"]
    )
    assert end["projector_position"] == end["log_position"] > 0
    assert (end["projector_lag_events"], end["projector_lag_seconds"]) == (0, 0)
    assert (end["projector_lease_held"], end["projector_stuck"]) == (1, 0)
    batches = end["projector_batch_events_count"]
    assert end["projector_batch_seconds_count"] == batches
    assert end["projector_batch_events_bucket,500.0"] == batches
    assert end["projector_batch_seconds_sum"] > 0
    assert end["api_commands_total"] >= end["api_commits_total"] > 0
    assert end["api_pool,log,pool_size"] >= 1
    assert end["api_ring_messages"] > 0
    assert end["process_cpu_seconds_total"] > 0


async def test_what_waits_and_what_is_parked_is_measured(
    served: Served, database: Database
) -> None:
    commander = await served.somebody(Role.INCIDENT_COMMANDER)
    await commander.declares()
    await commander.post("/v1/incidents/INC-1/acknowledge")
    waiting = await measured(served)
    assert waiting["projector_lag_events"] == waiting["log_position"]
    assert waiting["projector_lag_seconds"] > 0
    damaged(database, "incident.declared", b"[]")
    project(database)
    parked = await measured(served)
    assert (parked["dead_letter_records"], parked["dead_letter_events"]) == (1, 2)
    assert str(commander.tenant) not in str(parked)


async def test_a_projector_that_does_not_move_is_measured_as_stuck(
    served: Served, database: Database
) -> None:
    await (await served.somebody(Role.OWNER)).declares()
    aged(database, timedelta(seconds=11))
    assert (await measured(served))["projector_stuck"] == 1
    pause(database)
    paused = await measured(served)
    assert (paused["projector_stuck"], paused["projector_paused"]) == (0, 1)


async def test_how_far_a_rebuild_is_is_measured(served: Served, database: Database) -> None:
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO projections.rebuilds (id, names, state, phase, done, total)"
            " VALUES (gen_random_uuid(), '{incident,people}', 'running', 'folding', 3, 4),"
            " (gen_random_uuid(), '{changes}', 'waiting', NULL, 0, 1),"
            " (gen_random_uuid(), '{changes}', 'waiting', NULL, 0, 2)"
        )
    found = await measured(served)
    assert found["rebuild_done_events,folding,incident,people"] == 3
    assert found["rebuild_goal_events,folding,incident,people"] == 4
    assert found["rebuild_goal_events,waiting,changes"] == 3
