"""Incidents told straight to the log: the same as over HTTP, and no other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api.serving import Served, Somebody
from tests.workers.importing.test_on_the_real_server import (
    INCIDENTS,
    all_incidents,
    events,
    imported,
    owner,
    projector,
    served,
)
from workers.importing.connection import Origin
from workers.importing.generator import Generated
from workers.importing.inventing import Inventing, at_hand
from workers.importing.report import Report
from workers.importing.session import ImportStopped, Session, Token
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

__all__ = ["owner", "projector", "served"]  # the fixtures of what is compared with


class Counting(Generated):
    """Says when some of the incidents are in the log, but not all."""

    def __init__(self) -> None:
        self.has_some = asyncio.Event()
        super().__init__(incidents=INCIDENTS, seed=7)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "made" and value:
            self.has_some.set()


def inventing(
    served: Served,
    by: Somebody,
    settings: Settings,
    report: Report,
    source: Generated | None = None,
) -> Inventing:
    session = Session(Origin.of(f"http://127.0.0.1:{served.port}"), Token(by.token))
    source = source or Generated(incidents=INCIDENTS, seed=7)
    return Inventing(session, report, source=source, settings=settings, block=10)


async def told(items: list[dict[str, Any]], by: Somebody) -> dict[str, dict[str, Any]]:
    """Without what is another in every organization, or when it was written."""
    asked = ",".join({item["assignee"] for item in items if "assignee" in item})
    people = (await by.get(f"/v1/people?ids={asked}")).json()["items"]
    names = {person["id"]: person["name"] for person in people}
    others = {"id", "reference", "number", "reporter", "assignee", "updated_at"}
    return {
        item["source_key"]: {name: item[name] for name in item.keys() - others}
        | {"assignee": names.get(item.get("assignee", ""))}
        for item in items
    }


async def test_what_is_shown_is_what_an_import_over_http_would_have_told(
    served: Served, owner: Somebody, settings: Settings
) -> None:
    other, report = await served.somebody(Role.OWNER), Report()
    over_http = await imported(served, other)
    await inventing(served, owner, settings, report).run()
    assert (report.cases, report.rows) == (over_http.cases, over_http.rows)
    assert (report.commands, report.deviations) == (over_http.commands, over_http.deviations)
    ours = await told(await all_incidents(owner), owner)
    assert ours == await told(await all_incidents(other), other)
    assert len(ours) == INCIDENTS


async def test_a_second_run_adds_no_event_and_one_over_http_finds_nothing_left(
    served: Served, owner: Somebody, settings: Settings
) -> None:
    await inventing(served, owner, settings, Report()).run()
    before, again = await events(owner), Report()
    await inventing(served, owner, settings, again).run()
    over_http = await imported(served, owner)
    assert (again.commands.total(), over_http.commands.total()) == (0, 0)
    assert await events(owner) == before


async def test_a_run_that_is_cancelled_is_completed_by_the_next(
    served: Served, owner: Somebody, settings: Settings
) -> None:
    counting = Counting()
    running = asyncio.create_task(inventing(served, owner, settings, Report(), counting).run())
    await counting.has_some.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await inventing(served, owner, settings, Report()).run()
    assert len(await all_incidents(owner)) == INCIDENTS


async def test_who_may_not_import_is_told_so(served: Served, settings: Settings) -> None:
    viewer = await served.somebody(Role.VIEWER)
    with pytest.raises(ImportStopped):
        await inventing(served, viewer, settings, Report()).run()


async def test_another_servers_database_is_never_written_to(
    served: Served, owner: Somebody, settings: Settings, postgres: Any, tmp_path: Path
) -> None:
    with postgres.database() as elsewhere:
        other = settings.model_copy(update={"database_name": elsewhere.name})
        with pytest.raises(ImportStopped, match="name the server's own --home"):
            await inventing(served, owner, other, Report()).run()


def test_a_database_is_at_hand_where_it_can_be_reached(settings: Settings, tmp_path: Path) -> None:
    assert at_hand(settings) is not None
    assert at_hand(settings.model_copy(update={"home": tmp_path / "nowhere"})) is None
    assert at_hand(settings.model_copy(update={"database_name": "nowhere"})) is None
