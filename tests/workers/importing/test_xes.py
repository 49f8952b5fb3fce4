from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from workers.importing.cases import Case, Step
from workers.importing.report import Rejected
from workers.importing.session import ImportStopped
from workers.importing.xes import XesLog
from write_model.incident.events import HoldReason


def event(**changes: str | None) -> str:
    fields: dict[str, str | None] = {
        "concept:name": "Accepted",
        "lifecycle:transition": "In Progress",
        "org:group": "Warehouse 3",
        "org:resource": "Nadia",
        "impact": "High",
        "product": "forklift",
        "time:timestamp": "2026-03-02T08:05:00+01:00",
    }
    fields |= {name.replace("__", ":"): value for name, value in changes.items()}
    told = "".join(f'<string key="{k}" value="{v}"/>\n' for k, v in fields.items() if v is not None)
    return f"<event>\n{told}</event>\n"


def trace(key: str, *events: str) -> str:
    return f'<trace>\n<string key="concept:name" value="{key}"/>\n{"".join(events)}</trace>\n'


def log(*traces: str) -> str:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<log xmlns="http://www.xes-standard.org/">\n'
    return f"{head}{''.join(traces)}</log>\n"


def read(folder: Path, text: str, name: str = "log.xes") -> tuple[list[Case], list[Rejected]]:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    rejected = list[Rejected]()
    return list(XesLog(path, name="tracker").cases(rejected.append)), rejected


@pytest.mark.parametrize("name", ["log.xes", "log.xes.gz"])
def test_a_trace_is_a_case_and_its_events_are_rows(tmp_path: Path, name: str) -> None:
    wait = event(lifecycle__transition="Wait - Vendor")
    cases, rejected = read(tmp_path, log(trace("FL-7", event(), wait)), name)
    assert not rejected
    [case] = cases
    assert (case.key, case.title, case.severity) == ("FL-7", "FL-7 forklift", "sev2")
    assert [(row.number, row.step) for row in case.rows] == [
        (1, Step.WORKED_ON),
        (2, Step.WAITING),
    ]
    assert case.rows[1].hold_reason is HoldReason.AWAITING_VENDOR
    assert case.rows[0].at.isoformat() == "2026-03-02T08:05:00+01:00"
    assert (case.rows[0].team, case.rows[0].person) == ("Warehouse 3", "Nadia")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"concept__name": None}, "the row has no concept:name."),
        ({"time__timestamp": None}, "the row has no time:timestamp."),
        ({"time__timestamp": "yesterday"}, "the time:timestamp 'yesterday' is not an ISO 8601"),
        ({"time__timestamp": "2026-03-02T08:05:00"}, "has no time zone."),
        ({"lifecycle__transition": "Parked"}, "the sub-status 'Parked' is not known."),
        ({"lifecycle__transition": "  "}, "the row has no lifecycle:transition."),
        ({"impact": "Cosmic"}, "the impact 'Cosmic' is not known."),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_the_others_stay(
    tmp_path: Path, changes: dict[str, str | None], reason: str
) -> None:
    cases, rejected = read(tmp_path, log(trace("FL-7", event(**changes), event())))
    assert not rejected
    [bad] = cases[0].rejected
    assert bad.line == 5
    assert bad.reason.startswith("Case FL-7: ")
    assert reason in bad.reason
    assert [row.number for row in cases[0].rows] == [2]
    assert cases[0].severity == "sev2"


def test_a_case_without_a_name_is_rejected(tmp_path: Path) -> None:
    cases, _ = read(tmp_path, log("<trace>\n" + event() + "</trace>\n"))
    assert not cases[0].rows
    assert "no concept:name" in cases[0].rejected[0].reason


def test_a_file_that_breaks_off_is_named_by_line_and_what_came_before_is_kept(
    tmp_path: Path,
) -> None:
    whole = log(trace("FL-7", event()), trace("FL-8", event()))
    cases, rejected = read(tmp_path, whole[: whole.index("FL-8")])
    assert [case.key for case in cases] == ["FL-7"]
    assert [bad.line for bad in rejected] == [whole[: whole.index("FL-8")].count("\n") + 1]
    assert "Reading stopped here" in rejected[0].reason


def test_a_tag_that_does_not_match_stops_the_reading_at_its_line(tmp_path: Path) -> None:
    cases, rejected = read(tmp_path, log(trace("FL-7", event()), "</trace>\n"))
    assert [case.key for case in cases] == ["FL-7"]
    assert rejected[0].line == 15
    assert "mismatched tag" in rejected[0].reason


def test_a_truncated_gzip_is_named_and_what_came_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.xes.gz"
    many = log(*(trace(f"FL-{n}", *[event()] * 20) for n in range(200)))
    packed = gzip.compress(many.encode())
    path.write_bytes(packed[: len(packed) // 2])
    rejected = list[Rejected]()
    cases = list(XesLog(path, name="tracker").cases(rejected.append))
    assert 0 < len(cases) < 200
    assert "cannot be read further" in rejected[0].reason


def test_xml_of_another_kind_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    feed = '<rss version="2.0"><channel><title>Forklift news</title></channel></rss>'
    with pytest.raises(ImportStopped, match=r"begins with <rss>, where XES .* has <log>"):
        read(tmp_path, feed)


def test_a_log_without_a_trace_holds_no_cases(tmp_path: Path) -> None:
    assert read(tmp_path, log()) == ([], [])


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE log [<!ENTITY a "oil"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE log SYSTEM "file:///etc/hostname">',
    ],
)
def test_a_document_type_declaration_is_refused_before_anything_is_read(
    tmp_path: Path, declaration: str
) -> None:
    text = log(trace("FL-7", event())).replace("<log", f"{declaration}\n<log", 1)
    cases, rejected = read(tmp_path, text)
    assert not cases
    assert rejected[0].line == 2
    assert "DOCTYPE" in rejected[0].reason


def test_the_progress_reaches_the_end_with_the_last_case(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    path.write_text(log(trace("FL-7", event())))
    source = XesLog(path, name="tracker")
    assert source.progress() == 0
    list(source.cases(lambda _: None))
    assert source.progress() == 1
