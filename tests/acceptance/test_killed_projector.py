"""Projectors and rebuilds, killed at any moment of an import: the rows are those of a calm one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest

from projections.engine.checkpoint import lag
from projections.engine.log import Connection
from tests.acceptance.killing import begun, project, rebuild
from tests.acceptance.rebuilt import every_row_is_as_the_log_says
from tests.embedded import Database, until
from tests.projections.story import NORTH, SOUTH, Story, stream, write_log
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_people import INVITED
from tests.projections.test_projector import catch_up, projector
from tests.projections.test_rebuilding import begin_again, shown
from tests.projections.test_second_opinion import HAPPENINGS
from write_model.kernel.messages import Recorded
from write_model.kernel.settings import TAILER

Tell = Callable[[str], None]

_APPLIED_S, _REBUILT_S = 0.08, 0.4
"""By then a projector has mostly applied what came last, and a rebuild has mostly ended."""


@pytest.fixture
def log(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as log:
        yield log


def imported(chance: random.Random, *, events: int) -> list[Recorded]:
    """Incidents of two organizations, and people, each with whatever happens to it."""
    story, tenants = Story(), dict[str, UUID]()
    for number in range(events):
        if number % 7 == 0:
            name, tenant = f"forklift {number}", chance.choice((NORTH, SOUTH))
            tenants[name] = tenant
            story.tell(name, DECLARED, tenant=tenant)
        elif number % 50 == 1:
            name = f"person {number}"
            story.tell(name, replace(INVITED, subject=stream(name)))
        else:
            name = chance.choice(list(tenants))
            happening = chance.choice(HAPPENINGS[2:])
            story.tell(name, happening, tenant=tenants[name])
    return story.events


def portions(events: Sequence[Recorded], number: int) -> Iterator[Sequence[Recorded]]:
    size = -(-len(events) // number)
    for at in range(0, len(events), size):
        yield events[at : at + size]


def arrive(log: Connection, events: Sequence[Recorded], *, then_s: float) -> None:
    """A few at a time, and then it is quiet for so long."""
    for few in portions(events, 5):
        write_log(log, few)
    time.sleep(then_s)  # any moment will do


def is_rebuilding(log: Connection) -> bool:
    return log.execute("SELECT projections.is_rebuilding()").fetchall() == [(True,)]


def is_left_at_once(log: Connection) -> None:
    """The lease of who was killed; waiting for its end would take five seconds a kill."""
    log.execute("UPDATE projections.checkpoint SET expires_at = '-infinity'")


def all_is_as_it_should_be(log: Connection, database: Database, *, head: int) -> int:
    """Once the last projector has caught up; returns how many incidents there are."""
    with begun(project, database.conninfo(TAILER)):
        until(lambda: lag(log).position == head, "everything is applied")
    incidents = every_row_is_as_the_log_says(log)
    live = shown(log)
    begin_again(log)
    with psycopg.connect(database.conninfo(TAILER), autocommit=True) as tailer:
        catch_up(projector(tailer))
    assert shown(log) == live
    assert log.execute("SELECT count(*) FROM projections.dead_letters").fetchone() == (0,)
    return incidents


def projectors_are_killed(database: Database, log: Connection, *, kills: int, tell: Tell) -> None:
    chance = random.Random(kills)
    events = imported(chance, events=60 * kills)
    behind = 0
    for portion in portions(events, kills):
        with begun(project, database.conninfo(TAILER)):
            until(lambda: lag(log).held, "it has the lease")
            arrive(log, portion, then_s=chance.uniform(0, _APPLIED_S))
        behind += lag(log).behind > 0
        is_left_at_once(log)
    incidents = all_is_as_it_should_be(log, database, head=len(events))
    tell(f"{kills} kills, {behind} of them before all was applied; {incidents} incidents are right")


def rebuilds_are_killed(database: Database, log: Connection, *, kills: int, tell: Tell) -> None:
    """Of the projector and the rebuild beside it the one is killed at work, and then the other."""
    chance, conninfo = random.Random(kills), database.conninfo(TAILER)
    events = imported(chance, events=60 * kills)
    for number, portion in enumerate(portions(events, kills // 2)):
        with begun(project, conninfo) as projecting:
            until(lambda: lag(log).held, "it has the lease")
            with begun(rebuild, conninfo, number) as rebuilding:
                until(lambda: is_rebuilding(log), "it rebuilds")
                half = len(portion) // 2
                arrive(log, portion[:half], then_s=chance.uniform(0, _REBUILT_S))
                chance.choice((projecting, rebuilding)).kill()
                arrive(log, portion[half:], then_s=chance.uniform(0, _APPLIED_S))
        is_left_at_once(log)
    [(layout,)] = log.execute("SELECT layout FROM projections.checkpoint").fetchall()
    incidents = all_is_as_it_should_be(log, database, head=len(events))
    tell(f"{kills} kills, {layout - 1} swaps and mendings; {incidents} incidents are right")


def test_projectors_that_are_killed_lose_nothing(
    database: Database, log: Connection, tell: Tell
) -> None:
    projectors_are_killed(database, log, kills=6, tell=tell)


def test_rebuilds_that_are_killed_lose_nothing(
    database: Database, log: Connection, tell: Tell
) -> None:
    rebuilds_are_killed(database, log, kills=8, tell=tell)


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_projectors_that_are_killed_fifty_times_lose_nothing(
    database: Database, log: Connection, tell: Tell
) -> None:
    projectors_are_killed(database, log, kills=50, tell=tell)


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_rebuilds_that_are_killed_fifty_times_lose_nothing(
    database: Database, log: Connection, tell: Tell
) -> None:
    rebuilds_are_killed(database, log, kills=50, tell=tell)
