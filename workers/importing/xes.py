"""Reads an event log in XES (IEEE 1849), one case at a time, whatever its size.

Expat itself rather than ElementTree: it knows the line of every row, and a document type
declaration can be refused before any entity of it is expanded.
"""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO
from xml.parsers import expat

from workers.importing.cases import BadRow, Case, Row, Step
from workers.importing.report import Rejected
from workers.importing.session import ImportStopped
from write_model.incident.events import HoldReason

_SEVERITIES = {"Major": "sev1", "High": "sev2", "Medium": "sev3", "Low": "sev4"}
_STEPS = {
    "In Progress": Step.WORKED_ON,
    "Assigned": Step.ASSIGNED,
    "Awaiting Assignment": Step.QUEUED,
    "Wait": Step.WAITING,
    "Wait - User": Step.WAITING,
    "Wait - Customer": Step.WAITING,
    "Wait - Vendor": Step.WAITING,
    "Wait - Implementation": Step.WAITING,
    "Resolved": Step.RESOLVED,
    "In Call": Step.RESOLVED,
    "Closed": Step.CLOSED,
    "Cancelled": Step.CANCELLED,
    "Unmatched": Step.NOTED,
}
_HOLD_REASONS = {
    "Wait - User": HoldReason.AWAITING_CALLER,
    "Wait - Customer": HoldReason.AWAITING_CALLER,
    "Wait - Vendor": HoldReason.AWAITING_VENDOR,
    "Wait - Implementation": HoldReason.AWAITING_CHANGE,
}
_CHUNK_BYTES = 64 * 1024
_MAX_ROWS = 100_000
"""Rows of one case held at once; the longest real one has 123."""


class _Refused(Exception):
    """The file asks for something that a log has no need of."""


class XesLog:
    """A `.xes` or `.xes.gz` file."""

    def __init__(self, path: Path, *, name: str) -> None:
        self.name = name
        self._path = path
        self._bytes = path.stat().st_size
        self._bytes_read = 0

    def progress(self) -> float:
        return self._bytes_read / self._bytes if self._bytes else 1.0

    def cases(self, reject: Callable[[Rejected], None]) -> Iterator[Case]:
        """Cases in file order; a file that breaks off is named and what came before counts.

        Raises: ImportStopped when it is XML of another kind.
        """
        reading = _Reading()
        try:
            yield from self._parsed(reading)
        except (expat.ExpatError, _Refused) as error:
            reject(Rejected(reading.line, f"Reading stopped here: {error}."))
        except (EOFError, OSError, zlib.error) as error:
            reject(Rejected(reading.line, f"The file cannot be read further: {error}."))

    def _parsed(self, reading: _Reading) -> Iterator[Case]:
        with self._path.open("rb") as raw, _unpacked(raw, self._path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                self._bytes_read = raw.tell()
                yield from reading.feed(chunk)
            yield from reading.feed(b"", last=True)


def _unpacked(raw: IO[bytes], path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw


class _Reading:
    """What is known between two chunks: the case and the row that are being read."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._depth = 0
        self._done: deque[Case] = deque()
        self._case: dict[str, str] = {}
        self._rows: list[tuple[int, dict[str, str]]] = []
        self._row: dict[str, str] | None = None
        self._in_case = False

    @property
    def line(self) -> int:
        return self._parser.CurrentLineNumber

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[Case]:
        """The cases that end in this chunk; those before a fault in it are kept."""
        try:
            self._parser.Parse(chunk, last)
        finally:
            yield from self._done
            self._done.clear()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1:
            _must_be_log(tag)
        elif tag == "event":
            self._row = {}
            if len(self._rows) == _MAX_ROWS:
                raise _Refused(f"a case has more than {_MAX_ROWS} rows")
            self._rows.append((self.line, self._row))
        elif tag == "trace":
            self._in_case, self._case, self._rows = True, {}, []
        elif self._row is not None and self._depth == 4:
            self._row[attributes.get("key", "")] = attributes.get("value", "")
        elif self._in_case and self._depth == 3:
            self._case[attributes.get("key", "")] = attributes.get("value", "")

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "event":
            self._row = None
        elif tag == "trace":
            self._in_case = False
            self._done.append(_case(self._case, self._rows, line=self.line))


def _must_be_log(tag: str) -> None:
    if tag != "log":
        raise ImportStopped(
            f"This is no event log in XES: it begins with <{tag}>, where XES (IEEE 1849) has <log>."
            " Export the log as XES, or use `tallystick import csv`."
        )


def _refuse_doctype(*_: object) -> None:
    raise _Refused("a document type declaration is not accepted; remove the DOCTYPE")


def _case(
    attributes: dict[str, str], fields: list[tuple[int, dict[str, str]]], *, line: int
) -> Case:
    key = attributes.get("concept:name", "")
    if not key:
        return Case(
            "", "", "", (), (Rejected(line, "The case that ends here has no concept:name."),)
        )
    rows, rejected, first = list[Row](), list[Rejected](), dict[str, str]()
    for number, (at_line, row) in enumerate(fields, 1):
        try:
            rows.append(_row(number, at_line, row))
            first = first or row
        except BadRow as error:
            rejected.append(Rejected(at_line, f"Case {key}: {error}"))
    title = f"{key} {first.get('product', '')}".strip()
    severity = _SEVERITIES.get(first.get("impact", ""), "")
    return Case(key, title, severity, tuple(rows), tuple(rejected))


def _row(number: int, line: int, fields: dict[str, str]) -> Row:
    sub_status = _present(fields, "lifecycle:transition")
    if sub_status not in _STEPS:
        raise BadRow(f"the sub-status {sub_status!r} is not known.")
    if _present(fields, "impact") not in _SEVERITIES:
        raise BadRow(f"the impact {fields['impact']!r} is not known.")
    return Row(
        number=number,
        line=line,
        step=_STEPS[sub_status],
        at=_time(_present(fields, "time:timestamp")),
        team=fields.get("org:group") or None,
        person=fields.get("org:resource") or None,
        status=_present(fields, "concept:name"),
        sub_status=sub_status,
        hold_reason=_HOLD_REASONS.get(sub_status, HoldReason.OTHER),
    )


def _present(fields: dict[str, str], key: str) -> str:
    value = fields.get(key, "").strip()
    if not value:
        raise BadRow(f"the row has no {key}.")
    return value


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadRow(f"the time:timestamp {text!r} is not an ISO 8601 time.") from None
    if at.tzinfo is None:
        raise BadRow(f"the time:timestamp {text!r} has no time zone.")
    return at
