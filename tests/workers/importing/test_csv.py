from __future__ import annotations

from pathlib import Path

import pytest

from workers.importing.cases import Case, Step
from workers.importing.csv_file import CsvFile
from workers.importing.csv_map import CsvMap, read_map
from workers.importing.mapping import Command, commands
from workers.importing.report import Rejected
from workers.importing.session import ImportStopped

EXAMPLES = Path(__file__).parents[3] / "examples" / "import"

MAP = """
source: tracker
columns: {case: Ticket, time: When, status: Status, person: Owner}
default_severity: sev3
steps: {New: queued, Working: in_progress, Done: resolved}
"""


def given_map(folder: Path, text: str = MAP) -> CsvMap:
    path = folder / "map.yaml"
    path.write_text(text)
    return read_map(path)


def read(folder: Path, text: str | bytes, map_text: str = MAP) -> tuple[list[Case], list[Rejected]]:
    path = folder / "export.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    rejected = list[Rejected]()
    return list(CsvFile(path, given_map(folder, map_text)).cases(rejected.append)), rejected


def test_the_forklift_of_the_documentation_becomes_these_commands() -> None:
    source = CsvFile(EXAMPLES / "forklift.csv", read_map(EXAMPLES / "forklift.map.yaml"))
    rejected = list[Rejected]()
    cases = list(source.cases(rejected.append))
    assert not rejected
    assert source.progress() == 1
    assert [(case.key, case.title, case.severity) for case in cases] == [
        ("FL-7", "Forklift 7 leaks oil", "sev2"),
        ("FL-8", "Dock door 2 jams, halfway up", "sev3"),
    ]
    forklift = [c for c in commands(cases[0], source=source.name) if isinstance(c, Command)]
    assert [command.kind for command in forklift] == [
        "declare",
        "acknowledge",
        "hold",
        "resume",
        "resolve",
        "reopen",
        "acknowledge",
        "resolve",
        "close",
    ]
    assert forklift[2].fields == {"reason": "awaiting_vendor"}
    assert forklift[0].at.isoformat() == "2026-03-02T07:55:00+01:00"
    assert forklift[0].person is None


def test_every_bad_line_is_named_and_the_others_go_in(tmp_path: Path) -> None:
    text = (
        "Ticket,When,Status,Owner\n"
        "FL-7,2026-03-02T08:00:00Z,New,\n"
        ",2026-03-02T08:00:00Z,New,\n"
        "FL-7,2026-03-02T08:00:00Z\n"
        "FL-7,2026-03-02T08:00:00Z,Lost,\n"
        "FL-7,noon,Done,\n"
        "FL-7,2026-03-02T08:00:00,Done,\n"
        '"FL-8",2026-03-02T08:00:00Z,"New",\n'
    )
    cases, rejected = read(tmp_path, text)
    assert rejected == [
        Rejected(3, "The column 'Ticket' is empty."),
        Rejected(4, "The line has 2 fields where the header has 4."),
    ]
    assert cases[0].rejected == (
        Rejected(5, "Case FL-7: the map's steps do not say what 'Lost' means."),
        Rejected(6, "Case FL-7: the time 'noon' is not in ISO 8601."),
        Rejected(
            7,
            "Case FL-7: the time '2026-03-02T08:00:00' has no time zone; give the map's time.zone.",
        ),
    )
    assert [(case.key, len(case.rows)) for case in cases] == [("FL-7", 1), ("FL-8", 1)]


def test_a_line_is_counted_by_where_it_begins(tmp_path: Path) -> None:
    text = 'Ticket,When,Status,Owner\nFL-7,2026-03-02T08:00:00Z,New,"a\nb"\nFL-8,x,New,\n'
    cases, _ = read(tmp_path, text)
    assert [row.line for row in cases[0].rows] == [2]
    assert [bad.line for bad in cases[1].rejected] == [4]


def test_a_byte_order_mark_and_another_delimiter_are_read(tmp_path: Path) -> None:
    text = "\ufeffTicket;When;Status;Owner\nFL-7;2026-03-02T08:00:00Z;New;Jörg\n"
    cases, rejected = read(tmp_path, text, MAP + 'delimiter: ";"\n')
    assert not rejected
    assert cases[0].rows[0].person == "Jörg"


def test_bytes_of_another_encoding_stop_the_reading_by_line(tmp_path: Path) -> None:
    head = b"Ticket,When,Status,Owner\n"
    cases, rejected = read(
        tmp_path,
        head + b"FL-7,2026-03-02T08:00:00Z,New,\n" * 2000 + b"FL-8,x,New,J\xf6rg\n",
    )
    assert [case.key for case in cases] == ["FL-7"]
    assert "Reading stopped here" in rejected[0].reason


def test_an_export_that_is_newest_first_can_be_put_in_order(tmp_path: Path) -> None:
    text = (
        "Ticket,When,Status,Owner\n"
        "FL-7,2026-03-03T08:00:00Z,Done,\n"
        "FL-7,2026-03-02T08:00:00Z,New,\n"
    )
    cases, _ = read(tmp_path, text, MAP + "order: time\n")
    assert [(row.number, row.step) for row in cases[0].rows] == [
        (1, Step.QUEUED),
        (2, Step.RESOLVED),
    ]


def test_a_header_without_a_column_of_the_map_is_refused_with_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(ImportStopped, match=r"one column 'Owner' \(columns\.person of the map\)"):
        read(tmp_path, "Ticket,When,Status\n")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (MAP.replace("Status,", "Status, Colour: x,"), "columns.Colour"),
        (MAP.replace("queued", "parked"), "steps.New"),
        (MAP.replace("source: tracker", ""), "source"),
        (MAP.replace("sev3", "sev9"), "default_severity"),
        (MAP.replace("default_severity: sev3", ""), "the file"),
        (MAP + "time: {zone: Mars/Olympus}\n", "time.zone"),
        ("- just\n- a list\n", "the file"),
    ],
)
def test_a_wrong_key_of_the_map_is_named(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ImportStopped, match="correct these keys") as refusal:
        given_map(tmp_path, text)
    assert f"  {key}" in str(refusal.value)


def test_a_map_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportStopped, match="is not YAML"):
        given_map(tmp_path, "columns: {case: ")
