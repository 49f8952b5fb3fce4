"""A second opinion on what stands beside the documents: lists, their past, counts, searched texts.

It imports nothing of the product on purpose, and knows of the log what `independent_fold` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from unicodedata import normalize
from uuid import UUID

from tests.acceptance.independent_fold import Document, Event, steps

Row = tuple[Any, ...]

SEARCHED_BYTES = 200_000
"""docs/api.md: of very long texts the first count."""


@dataclass(slots=True)
class Rows:
    """`event`s have `tenant`, `tenant_position` and `position` beside what a fold needs of them.

    Each row as its table has it, without what is JSON or generated, its deviations as one text;
    `counts`: organization, status, severity, team -> how many incidents.
    """

    documents: dict[str, Document] = field(default_factory=dict[str, Document])
    listed: list[Row] = field(default_factory=list[Row])
    versions: list[Row] = field(default_factory=list[Row])
    searched: list[Row] = field(default_factory=list[Row])
    counts: Counter[Row] = field(default_factory=Counter[Row])


def rows(events: Iterable[Event]) -> Rows:
    found, last, tenants = Rows(), dict[str, Row](), dict[str, UUID]()
    for event, document in steps(events):
        id_, now = document["id"], _listed_by(document)
        if last.get(id_) != now:
            begun = event["stream"], event["tenant"], event["tenant_position"], event["position"]
            found.versions.append((*begun, *now))
        last[id_], tenants[id_], found.documents[id_] = now, event["tenant"], document
    for id_, document in found.documents.items():
        _end(found, (UUID(id_), tenants[id_]), document)
    return found


def _end(found: Rows, whose: tuple[UUID, UUID], document: Document) -> None:
    through = document["imported_through"] or {"row": None, "step": None}
    listed = *whose, *_listed_by(document), through["row"], through["step"]
    found.listed.append(listed)
    found.searched.append((*whose, searched(document)))
    said = document["status"], document["severity"] or "", document["team"] or ""
    found.counts[(whose[1], *said)] += 1


def _listed_by(document: Document) -> Row:
    severity, person = document["severity"], document["assignee"]
    return (
        int(document["reference"].removeprefix("INC-")),
        document["status"],
        severity,
        0 if severity is None else int(severity.removeprefix("sev")),
        document["priority"],
        document["team"],
        None if person is None else UUID(person),
        document["source"],
        document["source_key"],
        datetime.fromisoformat(document["opened_at"]),
        document["closed_at"] and datetime.fromisoformat(document["closed_at"]),
        document["reopened"],
        ",".join(document["deviations"]),
    )


def searched(document: Document) -> str:
    """Title, resolution, description, and the notes that were not retracted, the newest first."""
    texts = [document[name] for name in ("title", "resolution", "description")]
    texts += [note["text"] for note in reversed(document["notes"]) if not note["retracted"]]
    plain = _without_case("\n".join(text for text in texts if text))
    return plain.encode()[:SEARCHED_BYTES].decode(errors="ignore")


def _without_case(text: str) -> str:
    """Signs that are not of ASCII part words, as blanks do."""
    if text.isascii():
        return text.lower()
    return "".join(
        each if each.isascii() or each.isalnum() or each.isspace() else " "
        for each in normalize("NFKC", text).casefold()
    )
