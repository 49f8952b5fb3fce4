"""Reads any tracker's export of changes, one line a change, by a map of its columns and words."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

from workers.importing.cases import BadRow, Case, Row, Step
from workers.importing.csv_map import CsvMap, Waiting
from workers.importing.report import Rejected
from workers.importing.session import ImportStopped
from write_model.incident.events import HoldReason


@dataclass(slots=True)
class _Gathered:
    """A case's lines so far; its title and severity are those of the first good one."""

    key: str
    title: str = ""
    severity: str = ""
    seen: int = 0
    rows: list[Row] = field(default_factory=list[Row])
    rejected: list[Rejected] = field(default_factory=list[Rejected])


class CsvFile:
    """A `.csv` file. Its cases may be interleaved, so its rows are held until all are read."""

    def __init__(self, path: Path, csv_map: CsvMap) -> None:
        """Raises: ImportStopped when the header lacks a column of the map."""
        self.name = csv_map.source
        self._path = path
        self._map = csv_map
        self._zone = ZoneInfo(csv_map.time.zone) if csv_map.time.zone else None
        self._cases = self._handed_over = 0
        with self._open() as file:
            self._header = _header(path, file, csv_map)

    def progress(self) -> float:
        return self._handed_over / self._cases if self._cases else 0.0

    def cases(self, reject: Callable[[Rejected], None]) -> Iterator[Case]:
        """Cases by the first line of each."""
        gathered = self._gathered(reject)
        self._cases = len(gathered)
        for key in list(gathered):
            self._handed_over += 1
            yield self._case(gathered.pop(key))

    def _open(self) -> IO[str]:
        encoding = "utf-8-sig" if self._map.encoding == "utf-8" else self._map.encoding
        return self._path.open(encoding=encoding, newline="")

    def _gathered(self, reject: Callable[[Rejected], None]) -> dict[str, _Gathered]:
        cases = dict[str, _Gathered]()
        for line, values in self._lines(reject):
            fields = dict(zip(self._header, values, strict=False))
            key = fields.get(self._map.columns.case, "").strip()
            if len(values) != len(self._header):
                told = f"The line has {len(values)} fields where the header has "
                reject(Rejected(line, f"{told}{len(self._header)}."))
            elif not key:
                reject(Rejected(line, f"The column {self._map.columns.case!r} is empty."))
            else:
                self._add(cases.setdefault(key, _Gathered(key)), line, fields)
        return cases

    def _lines(self, reject: Callable[[Rejected], None]) -> Iterator[tuple[int, list[str]]]:
        with self._open() as file:
            reader = csv.reader(file, delimiter=self._map.delimiter, strict=True)
            line = 0
            try:
                for values in reader:
                    if line and values:
                        yield line + 1, values
                    line = reader.line_num
            except (csv.Error, UnicodeDecodeError) as error:
                reject(Rejected(line + 1, f"Reading stopped here: {error}."))

    def _add(self, case: _Gathered, line: int, fields: dict[str, str]) -> None:
        case.seen += 1
        try:
            severity = self._severity(fields)
            row = self._row(case.seen, line, fields)
        except BadRow as error:
            case.rejected.append(Rejected(line, f"Case {case.key}: {error}"))
            return
        case.rows.append(row)
        case.title = case.title or _value(fields, self._map.columns.title)
        case.severity = case.severity or severity

    def _case(self, case: _Gathered) -> Case:
        rows = case.rows
        if self._map.order == "time":
            in_time = sorted(rows, key=lambda row: row.at)
            rows = [replace(row, number=number) for number, row in enumerate(in_time, 1)]
        title = case.title or case.key
        return Case(case.key, title, case.severity, tuple(rows), tuple(case.rejected))

    def _row(self, number: int, line: int, fields: dict[str, str]) -> Row:
        columns = self._map.columns
        status = _value(fields, columns.status)
        sub_status = _value(fields, columns.sub_status)
        step, reason = self._step(status, sub_status)
        return Row(
            number=number,
            line=line,
            step=step,
            at=self._time(_value(fields, columns.time)),
            team=_value(fields, columns.team) or None,
            person=_value(fields, columns.person) or None,
            status=status,
            sub_status=sub_status or status,
            hold_reason=reason,
        )

    def _step(self, status: str, sub_status: str) -> tuple[Step, HoldReason]:
        words = f"{status} / {sub_status}" if sub_status else status
        meant = self._map.steps.get(words) or self._map.steps.get(status)
        match meant:
            case Waiting(waiting=reason):
                return Step.WAITING, reason
            case Step():
                return meant, HoldReason.OTHER
            case None:
                raise BadRow(f"the map's steps do not say what {words!r} means.")

    def _severity(self, fields: dict[str, str]) -> str:
        column = self._map.columns.severity
        word = _value(fields, column)
        found = self._map.severities.get(word, self._map.default_severity)
        if found is None:
            raise BadRow(f"the map's severities do not say what {word!r} means.")
        return found.value

    def _time(self, text: str) -> datetime:
        at = _parsed(text, self._map.time.format)
        if at.tzinfo is None and self._zone is None:
            raise BadRow(f"the time {text!r} has no time zone; give the map's time.zone.")
        return at if at.tzinfo else at.replace(tzinfo=self._zone)


def _parsed(text: str, form: str | None) -> datetime:
    try:
        return datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007  # the map's zone is given to it next
    except ValueError:
        wanted = f"of the form {form!r}" if form else "in ISO 8601"
        raise BadRow(f"the time {text!r} is not {wanted}.") from None


def _value(fields: dict[str, str], column: str | None) -> str:
    return fields[column].strip() if column else ""


def _header(path: Path, file: IO[str], csv_map: CsvMap) -> list[str]:
    try:
        header = next(csv.reader(file, delimiter=csv_map.delimiter), list[str]())
    except UnicodeDecodeError as error:
        raise ImportStopped(f"{path} is not {csv_map.encoding}; set the map's encoding.") from error
    for ours, theirs in csv_map.columns.named().items():
        if header.count(theirs) != 1:
            raise ImportStopped(
                f"{path} must have one column {theirs!r} (columns.{ours} of the map); "
                f"its header is: {', '.join(header)}."
            )
    return header
