"""What an import sends, skips and reports; the desk is as strict as the real one about steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.workers.importing.scripted_server import CUT, Request, ScriptedServer, answer
from workers.importing.cases import Case
from workers.importing.connection import Origin
from workers.importing.generator import Generated, invented
from workers.importing.importing import Import
from workers.importing.mapping import commands
from workers.importing.report import Rejected, Report
from workers.importing.session import ImportStopped, Session, Token

CASES = tuple(invented(number, seed=7) for number in range(1, 41))
COUNTS = Counter(
    told.kind.value
    for case in CASES
    for told in commands(case, source="demo")
    if not isinstance(told, Rejected)
)


class Shelf:
    """Cases that lie ready."""

    name = "demo"

    def __init__(self, *cases: Case) -> None:
        self._cases = cases

    def cases(self, reject: Callable[[Rejected], None]) -> Iterator[Case]:
        yield from self._cases

    def progress(self) -> float:
        return 1.0


@dataclass
class Desk:
    """Keeps incidents by source key and folds only how far each was imported."""

    incidents: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    people: dict[str, str] = field(default_factory=dict[str, str])
    position: int = 0
    cut_after: int | None = None
    refuse: str = "nothing"
    page: int = 7

    def __call__(self, request: Request) -> bytes:
        path = urlsplit(request.path).path
        if request.method == "GET":
            return self._list(parse_qs(urlsplit(request.path).query))
        if path == "/v1/people":
            return answer(200, {"items": [self._person(p) for p in request.body["people"]]})
        if self.position == self.cut_after:
            return CUT
        return self._command(path, request.body)

    def _person(self, person: dict[str, str]) -> dict[str, str]:
        key = person["source_key"]
        return {"id": self.people.setdefault(key, f"p{len(self.people)}"), "source_key": key}

    def _list(self, question: dict[str, list[str]]) -> bytes:
        begin = int(question.get("cursor", ["0"])[0])
        found = list(self.incidents.values())[begin : begin + self.page]
        more = begin + self.page < len(self.incidents)
        broken = Counter(rule for one in self.incidents.values() for rule in one["deviations"])
        page = {"items": found, "next_cursor": str(begin + self.page) if more else None}
        return answer(200, page | {"facets": {"deviations": broken}})

    def _command(self, path: str, body: dict[str, Any]) -> bytes:
        verb = path.removeprefix("/v1/incidents").rpartition("/")[2]
        if verb == self.refuse:
            return answer(409, {"code": "illegal_transition", "detail": "Not from here."})
        key = body.get("source_key") or path.split("/")[3]
        new: dict[str, Any] = {"id": key, "source_key": key, "version": 0, "deviations": []}
        incident = self.incidents.setdefault(key, new)
        through = {name: body["imported"][name] for name in ("row", "step")}
        before = incident.get("imported_through") or {"row": 0, "step": 0}
        if (through["row"], through["step"]) > (before["row"], before["step"]):
            self.position += 1
            incident["version"] += 1
            incident["imported_through"] = through
            if verb == "reopen":
                incident["deviations"].append("late_reopen")
        receipt = {"id": key, "version": incident["version"], "position": self.position}
        return answer(201 if incident["version"] == 1 and not verb else 200, receipt)


async def imported(
    desk: Callable[[Request], bytes], *cases: Case, patience_s: float = 20
) -> Report:
    report = Report()
    async with ScriptedServer(desk) as server:
        session = Session(Origin.of(server.url), Token("t"), patience_s=patience_s)
        await Import(session, Shelf(*cases), report, side_by_side=4).run()
    return report


async def test_everything_is_sent_once_and_counted_by_kind() -> None:
    desk = Desk()
    report = await imported(desk, *CASES)
    assert report.commands == COUNTS
    assert report.cases == 40
    assert report.rows == sum(len(case.rows) for case in CASES)
    assert desk.position == COUNTS.total()
    assert report.deviations == Counter({"late_reopen": COUNTS["reopen"]})
    assert not report.rejected


async def test_a_second_run_sends_nothing_and_reports_nothing_done() -> None:
    desk = Desk()
    await imported(desk, *CASES)
    requests = list[Request]()

    def watched(request: Request) -> bytes:
        requests.append(request)
        return desk(request)

    report = await imported(watched, *CASES)
    assert {request.method for request in requests} == {"GET"}
    assert (report.cases, report.commands, report.deviations) == (40, Counter(), Counter())


async def test_a_run_that_was_broken_off_is_completed_by_the_next() -> None:
    desk = Desk(cut_after=100)
    with pytest.raises(ImportStopped, match="goes on where this one stopped"):
        await imported(desk, *CASES, patience_s=0.2)
    assert desk.position == 100
    desk.cut_after = None
    report = await imported(desk, *CASES)
    assert report.commands.total() == COUNTS.total() - 100
    assert desk.position == COUNTS.total()


async def test_rows_that_were_appended_later_are_all_that_a_later_run_sends() -> None:
    desk = Desk()
    case = next(case for case in CASES if len(case.rows) > 4)
    first = Case(case.key, case.title, case.severity, case.rows[:3])
    early = await imported(desk, first)
    late = await imported(desk, case)
    assert early.commands.total() + late.commands.total() == desk.position
    assert late.commands["declare"] == 0


async def test_a_refused_command_skips_the_rest_of_its_case_and_no_other_case() -> None:
    desk = Desk(refuse="close")
    report = await imported(desk, *CASES)
    closing = [case for case in CASES if any(row.status == "Completed" for row in case.rows)]
    assert 0 < len(report.rejected) <= len(closing)
    assert report.rejected[0].reason.startswith("Case DEMO-7-")
    assert "close was refused (illegal_transition): Not from here." in report.rejected[0].reason
    assert report.commands["declare"] == 40
    assert report.commands["close"] == 0


async def test_who_may_not_import_is_told_so_once() -> None:
    desk = Desk()

    def forbidding(request: Request) -> bytes:
        if request.path == "/v1/incidents":
            return answer(403, {"code": "forbidden", "detail": "This needs records.import."})
        return desk(request)

    with pytest.raises(ImportStopped, match=r"\(forbidden\): This needs records\.import\."):
        await imported(forbidding, *CASES)


async def test_bad_rows_of_a_case_stand_in_the_report_with_the_number_of_rows() -> None:
    rows = CASES[0].rows
    case = Case(
        "FL-7", "Forklift", "sev3", rows, (Rejected(3, "Case FL-7: the row has no impact."),)
    )
    report = await imported(Desk(), case)
    assert report.rows == len(rows) + 1
    told = report.as_json()
    assert told["rejected"] == [{"line": 3, "reason": "Case FL-7: the row has no impact."}]
    assert list(told) == [
        "cases",
        "rows",
        "commands",
        "deviations",
        "rejected",
        "wall_s",
        "commands_per_s",
    ]


async def test_a_name_leaves_only_for_the_people_and_never_in_a_command() -> None:
    desk = Desk()
    bodies = list[str]()

    def watched(request: Request) -> bytes:
        if request.path != "/v1/people":
            bodies.append(str(request.body))
        return desk(request)

    await imported(watched, *CASES)
    assert len(desk.people) > 10
    assert not [name for name in desk.people if any(name in body for body in bodies)]


async def test_a_source_with_a_comma_is_refused_because_lists_part_names_by_it() -> None:
    async with ScriptedServer(Desk()) as server:
        shelf = Shelf(*CASES)
        shelf.name = "old, older"
        with pytest.raises(ImportStopped, match="without a comma"):
            await Import(Session(Origin.of(server.url), Token("t")), shelf, Report()).run()


async def test_a_generated_source_says_how_far_it_is() -> None:
    source = Generated(incidents=3, seed=7)
    report = Report()
    async with ScriptedServer(Desk()) as server:
        session = Session(Origin.of(server.url), Token("t"))
        await Import(session, source, report, side_by_side=2).run()
    assert source.progress() == 1
    assert report.cases == 3
