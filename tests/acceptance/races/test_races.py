"""Nothing is lost, doubled, refused wrongly or starved when many write at once."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.acceptance.races.__main__ import on_its_own_server
from tests.acceptance.races.plan import Plan
from tests.acceptance.races.race import race
from tests.embedded import Database
from write_model.kernel.settings import Settings


@pytest.mark.slow
async def test_two_processes_race_on_hot_records(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    plan = Plan(commands=4_000, processes=2, kills=5, seed=20260302)
    report = await race(plan, settings, database.conninfo("postgres"), tmp_path)
    assert report["faults"] == {}, report
    assert report["commands"] >= plan.commands
    assert report["backends_ended"] >= plan.kills


@pytest.mark.slow
@pytest.mark.timeout(360)
async def test_no_process_starves_on_hot_records(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    """Undisturbed: in a short race a paused backend costs its process more than any rival.

    So does a machine that stands still for a moment, but not in each of three races.
    """
    shares = list[float]()
    for number in range(3):
        plan = Plan(commands=4_000, processes=2, kills=0, seed=20260302 + number)
        folder = tmp_path / str(number)
        folder.mkdir()
        report = await race(plan, settings, database.conninfo("postgres"), folder)
        assert report["faults"] == {}, report
        shares.append(min(report["shares"]))
        if shares[-1] > 0.25:
            return
    raise AssertionError(shares)


@pytest.mark.exhaustive
@pytest.mark.timeout(1_800)
def test_four_processes_race_while_backends_are_ended_and_paused() -> None:
    plan = Plan(commands=200_000, processes=4, kills=50, seed=secrets.randbits(32))
    report = on_its_own_server(plan)
    assert report["faults"] == {}, report
    assert report["commands"] >= plan.commands
    assert report["backends_ended"] >= plan.kills
    assert min(report["shares"]) > 0.1, report
