"""The import against the real app, log and projector: what the query API then tells."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json

from tests.api.serving import Served, Somebody, serving, told
from workers.importing.cases import Case
from workers.importing.connection import Origin
from workers.importing.generator import Generated
from workers.importing.importing import Import
from workers.importing.mapping import Command, Kind, commands
from workers.importing.report import Rejected, Report
from workers.importing.session import Session, Token
from workers.projector.running import run
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id
from write_model.kernel.settings import TAILER, Settings

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "import"
INCIDENTS = 60


@pytest.fixture
def projector(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    project = threading.Thread(
        target=run,
        args=(settings.conninfo(TAILER),),
        kwargs={"holder": new_id(), "stop": stop},
    )
    project.start()
    yield
    stop.set()
    project.join()


@pytest.fixture
async def served(settings: Settings, projector: None) -> AsyncGenerator[Served]:
    async with serving(settings) as served:
        yield served


@pytest.fixture
async def owner(served: Served) -> Somebody:
    return await served.somebody(Role.OWNER)


async def imported(served: Served, by: Somebody, *, incidents: int = INCIDENTS) -> Report:
    report = Report()
    session = Session(Origin.of(f"http://127.0.0.1:{served.port}"), Token(by.token))
    await Import(session, Generated(incidents=incidents, seed=7), report).run()
    return report


def cases() -> list[Case]:
    return list(Generated(incidents=INCIDENTS, seed=7).cases(lambda _: None))


def sent(case: Case) -> list[Command]:
    return [c for c in commands(case, source="demo") if isinstance(c, Command)]


async def all_incidents(by: Somebody) -> list[dict[str, Any]]:
    page = told(await by.get("/v1/incidents?source=demo&limit=500"))
    assert page["next_cursor"] is None
    items: list[dict[str, Any]] = page["items"]
    return items


async def events(by: Somebody) -> list[dict[str, Any]]:
    items, after = list[dict[str, Any]](), 0
    while page := told(await by.get(f"/v1/events?after={after}"))["items"]:
        items += page
        after = page[-1]["position"]
    return items


async def test_the_query_api_tells_what_was_imported(served: Served, owner: Somebody) -> None:
    report = await imported(served, owner)
    assert not report.rejected
    assert report.commands == Counter(c.kind.value for case in cases() for c in sent(case))
    shown = {item["source_key"]: item for item in await all_incidents(owner)}
    assert len(shown) == INCIDENTS
    for case in cases():
        item, last = shown[case.key], sent(case)[-1]
        assert item["version"] == len(sent(case))
        assert item["imported_through"] == {"row": last.row, "step": last.step}
        assert item["team"] == last.team
        assert item["severity"] == case.severity
    assert report.deviations == Counter(
        rule for item in shown.values() for rule in item["deviations"]
    )


async def test_a_second_run_adds_no_event(served: Served, owner: Somebody) -> None:
    await imported(served, owner)
    before = await events(owner)
    again = await imported(served, owner)
    assert await events(owner) == before
    assert again.commands.total() == 0
    assert again.deviations.total() == 0
    assert [event["position"] for event in before] == list(range(1, len(before) + 1))


async def test_a_larger_demo_only_adds_incidents(served: Served, owner: Somebody) -> None:
    few = await imported(served, owner, incidents=20)
    more = await imported(served, owner)
    assert few.commands + more.commands == Counter(
        c.kind.value for case in cases() for c in sent(case)
    )
    assert len(await all_incidents(owner)) == INCIDENTS


class Halting(Generated):
    """Says when it was asked for the last case, of which many are still to be sent."""

    def __init__(self) -> None:
        super().__init__(incidents=INCIDENTS, seed=7)
        self.is_read = asyncio.Event()

    def cases(self, reject: Callable[[Rejected], None]) -> Iterator[Case]:
        yield from super().cases(reject)
        self.is_read.set()


async def test_an_import_that_is_cancelled_on_its_way_is_completed_by_the_next(
    served: Served, owner: Somebody
) -> None:
    report, source = Report(), Halting()
    session = Session(Origin.of(f"http://127.0.0.1:{served.port}"), Token(owner.token))
    running = asyncio.create_task(Import(session, source, report).run())
    await source.is_read.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await imported(served, owner)
    for item in await all_incidents(owner):
        [case] = [case for case in cases() if case.key == item["source_key"]]
        assert item["version"] == len(sent(case))


async def test_reopened_incidents_say_from_where(served: Served, owner: Somebody) -> None:
    await imported(served, owner)
    reopened = sum(c.kind is Kind.REOPEN for case in cases() for c in sent(case))
    found = [event for event in await events(owner) if event["type"] == "incident.reopened"]
    assert len(found) == reopened > 0


async def tallystick(served: Served, by: Somebody, *words: str) -> tuple[int, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.command_line", *words),
        *("--url", f"http://127.0.0.1:{served.port}"),
        cwd=ROOT,
        env={**os.environ, "TALLYSTICK_TOKEN": by.token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output, errors


async def test_the_forklift_of_the_documentation_goes_in_by_the_command_line(
    served: Served, owner: Somebody
) -> None:
    words = ("import", "csv", str(EXAMPLES / "forklift.csv"))
    status, output, errors = await tallystick(
        served, owner, *words, "--map", str(EXAMPLES / "forklift.map.yaml"), "--json"
    )
    assert status == 0, errors.decode()
    report = from_json(output)
    assert (report["cases"], report["rows"]) == (2, 10)
    assert report["commands"]["resolve"] == 3
    assert report["deviations"] == {"review_required": 1}
    [item] = told(await owner.get("/v1/incidents?source_key=FL-7"))["items"]
    assert (item["title"], item["status"]) == ("Forklift 7 leaks oil", "closed")


async def test_bad_lines_make_the_exit_code_1_and_stand_in_the_report(
    served: Served, owner: Somebody, tmp_path: Path
) -> None:
    export = tmp_path / "forklift.csv"
    export.write_text((EXAMPLES / "forklift.csv").read_text() + "FL-9,x,Normal,noon,New,,,\n")
    status, output, _ = await tallystick(
        *(served, owner, "import", "csv", str(export)),
        *("--map", str(EXAMPLES / "forklift.map.yaml")),
    )
    assert status == 1
    assert "line 12: Case FL-9: the time 'noon'" in output.decode()


async def test_who_may_not_import_is_told_so_with_exit_code_2(served: Served) -> None:
    viewer = await served.somebody(Role.VIEWER)
    status, output, errors = await tallystick(served, viewer, "demo", "--incidents", "3")
    assert (status, output) == (2, b"")
    assert b"forbidden" in errors or b"permission" in errors


async def test_a_file_without_a_case_is_said_to_hold_none(
    served: Served, owner: Somebody, tmp_path: Path
) -> None:
    export, log = tmp_path / "forklift.csv", tmp_path / "forklift.xes"
    export.write_text((EXAMPLES / "forklift.csv").read_text().splitlines()[0] + "\n")
    log.write_text('<log xes.version="1.0"></log>')
    csv_words = ("csv", str(export), "--map", str(EXAMPLES / "forklift.map.yaml"))
    for words in (csv_words, ("xes", str(log))):
        status, output, errors = await tallystick(served, owner, "import", *words, "--json")
        assert (status, from_json(output)["cases"]) == (0, 0)
        assert errors.decode() == "The file holds no cases, so nothing was sent.\n"


async def test_xml_that_is_no_event_log_makes_the_exit_code_2(
    served: Served, owner: Somebody, tmp_path: Path
) -> None:
    feed = tmp_path / "feed.xml"
    feed.write_text("<rss><channel><title>Forklift news</title></channel></rss>")
    status, output, errors = await tallystick(served, owner, "import", "xes", str(feed))
    assert (status, output) == (2, b"")
    assert b"This is no event log in XES: it begins with <rss>" in errors
