"""The log and the answers of a race, held against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg

from tests.acceptance.races.plan import Answer
from tests.acceptance.races.tail import seen

_LOG = (
    "SELECT notification_id, tenant_id, tenant_position, originator_id, originator_version, topic,"
    " correlation_id, recorded_at FROM log.events ORDER BY notification_id"
)
_TOPICS = {
    "note": "incident.note_added",
    "acknowledge": "incident.acknowledged",
    "release": "incident.released",
}
_ILLEGAL_AFTER = {"acknowledge": "incident.acknowledged", "release": "incident.released"}
_ILLEGAL_FIRST = {"acknowledge": "", "release": "incident.declared"}


@dataclass(frozen=True, slots=True)
class Row:
    """An event of the log by its headers."""

    position: int
    tenant: UUID
    tenant_position: int
    stream: UUID
    version: int
    topic: str
    correlation: UUID
    recorded_at: datetime


def read_log(superuser: psycopg.Connection[Any]) -> list[Row]:
    return [Row(*row) for row in superuser.execute(_LOG, binary=True)]


@dataclass
class Faults:
    """What must not be; each list holds a few words per case."""

    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))

    def expect(self, holds: bool, rule: str, case: object) -> None:
        if not holds:
            self.found[rule].append(str(case))

    def report(self) -> dict[str, dict[str, Any]]:
        return {
            rule: {"count": len(cases), "first": cases[:3]} for rule, cases in self.found.items()
        }


def check_log(rows: list[Row], faults: Faults) -> None:
    """Dense in the log, in a tenant, in a stream; and time never goes back."""
    heads: dict[UUID, int] = defaultdict(int)
    for at, row in enumerate(rows, 1):
        faults.expect(row.position == at, "a position is missing in the log", row)
        for head, number in ((row.tenant, row.tenant_position), (row.stream, row.version)):
            faults.expect(number == heads[head] + 1, "a position or version is missing", row)
            heads[head] = number
    for before, after in pairwise(rows):
        faults.expect(before.recorded_at <= after.recorded_at, "recorded_at went back", after)


def check_answers(rows: list[Row], answers: list[Answer], faults: Faults) -> None:
    """What was accepted is in the log once and where it was said to be; nothing else is there."""
    by_correlation: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_correlation[str(row.correlation)].append(row)
    by_key = {answer.correlation: answer for answer in answers}
    for answer in answers:
        stored = by_correlation.pop(answer.correlation, [])
        match answer.outcome:
            case "accepted":
                faults.expect(_is_as_said(stored, answer), "accepted but not so in the log", answer)
            case "replayed":
                first = by_key[answer.twin]
                same = (first.version, first.position) == (answer.version, answer.position)
                faults.expect(same and not stored, "a replay is not the first answer", answer)
            case _:
                faults.expect(not stored, "refused but in the log", answer)
    for correlation, stored in by_correlation.items():
        begun = [row.topic for row in stored] == ["incident.declared"]
        faults.expect(begun, "in the log but not answered", correlation)


def _is_as_said(stored: list[Row], answer: Answer) -> bool:
    said = (answer.stream, answer.version, answer.position, _TOPICS[answer.verb])
    return [(str(r.stream), r.version, r.tenant_position, r.topic) for r in stored] == [said]


def check_refusals(rows: list[Row], answers: list[Answer], faults: Faults) -> None:
    """Each was illegal in a state that may have been the newest while it was asked.

    A state may be the newest from its recording until its successor was answered: by then every
    process must know better.
    """
    answered = {(a.stream, a.version): a.answered for a in answers if a.outcome == "accepted"}
    illegal = {verb: dict[str, list[tuple[float, float]]]() for verb in _ILLEGAL_AFTER}
    for stream, history in _by_stream(rows).items():
        for verb, spans in illegal.items():
            spans[stream] = list(_illegal_spans(verb, stream, history, answered))
    for answer in answers:
        if answer.outcome in ("accepted", "replayed"):
            continue
        right = answer.outcome == "IllegalTransition" and any(
            begins <= answer.answered and answer.sent <= ends
            for begins, ends in illegal[answer.verb][answer.stream]
        )
        faults.expect(right, "refused wrongly", answer)


def _by_stream(rows: list[Row]) -> dict[str, list[Row]]:
    streams: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.topic != _TOPICS["note"]:
            streams[str(row.stream)].append(row)
    return streams


def _illegal_spans(
    verb: str, stream: str, history: list[Row], answered: dict[tuple[str, int], float]
) -> Iterator[tuple[float, float]]:
    for row, following in zip(history, [*history[1:], None], strict=True):
        if row.topic in (_ILLEGAL_AFTER[verb], _ILLEGAL_FIRST[verb]):
            ends = answered[stream, following.version] if following else float("inf")
            yield row.recorded_at.timestamp(), ends


def digest(rows: list[Row]) -> str:
    """What a reader who skips nothing has seen."""
    whole = sha256()
    for row in rows:
        whole.update(seen(row.position, row.stream, row.version))
    return whole.hexdigest()
