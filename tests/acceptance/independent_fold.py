"""A second opinion: what incidents must look like, folded from the events' JSON alone.

It imports nothing of the product on purpose, and is written the other way round: a table of what
each kind of event assigns, over plain dictionaries. What both agree on is hardly wrong twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Document = dict[str, Any]
Event = Mapping[str, Any]
"""`type`, `stream`, `version`, `number`, `actor`, `recorded_at`, `occurred_at` (datetimes) and
`data`, the stored JSON."""


def time_of(moment: datetime) -> str:
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return text + "Z"


def fold(events: Iterable[Event]) -> dict[str, Document]:
    """Incident id -> what its document must say, for the fields that are compared."""
    return {document["id"]: document for _, document in steps(events)}


def steps(events: Iterable[Event]) -> Iterator[tuple[Event, Document]]:
    """Each event of an incident with the document after it, which is changed by the next."""
    documents: dict[str, Document] = {}
    for event in events:
        kind, _, name = event["type"].partition(".")
        if kind == "incident":
            document = documents.setdefault(str(event["stream"]), _empty(event))
            since, reason = document["held_since"], document["hold_reason"]
            RULES[name](document, event["data"], event)
            _always(document, event)
            if name == "put_on_hold" or document["status"] != "on_hold":
                _time_on_hold(document, event, since, reason)
            yield event, document


def _empty(event: Event) -> Document:
    return {
        "id": str(event["stream"]),
        "reference": f"INC-{event['number']}",
        "status": "none",
        "severity": None,
        "team": None,
        "role": None,
        "assignee": None,
        "hold_reason": None,
        "resolution": None,
        "cause_code": None,
        "acknowledged_at": None,
        "first_acknowledged_at": None,
        "held_since": None,
        "held_seconds": {},
        "resolved_at": None,
        "closed_at": None,
        "reopened": 0,
        "deviations": [],
        "imported_through": None,
        "notes": [],
        "amended": {},
    }


def _always(document: Document, event: Event) -> None:
    document["version"] = event["version"]
    document["updated_at"] = time_of(event["recorded_at"])
    document.setdefault("opened_at", time_of(event["occurred_at"]))
    document["deviations"] = document["deviations"] + event["data"].get("deviations", [])
    row = event["data"].get("imported")
    if row:
        document["imported_through"] = {"row": row["row"], "step": row["step"]}
        for ours, theirs in (("team", "team"), ("assignee", "person")):
            if row.get(theirs) is not None:
                document[ours] = row[theirs]


def _report(document: Document, data: Event, event: Event) -> None:
    document["status"] = "triage"
    _say(document, data)


def _declare(document: Document, data: Event, event: Event) -> None:
    document["status"], document["severity"] = "open", data["severity"]
    _say(document, data)


def _say(document: Document, data: Event) -> None:
    for name in ("title", "reporter", "source"):
        document[name] = data[name]
    document["source_key"] = data.get("source_key")
    for name in ("description", "priority"):
        document[name] = data.get(name, document.get(name))
    if "team" in data:
        document["team"] = data["team"]


def _acknowledge(document: Document, data: Event, event: Event) -> None:
    document["status"] = "in_progress"
    for name in ("acknowledged_at", "first_acknowledged_at"):
        if document[name] is None:
            document[name] = time_of(event["occurred_at"])


def _assign(document: Document, data: Event, event: Event) -> None:
    for ours, theirs in (("team", "team"), ("role", "role"), ("assignee", "person")):
        if theirs in data:
            document[ours] = data[theirs]


def _release(document: Document, data: Event, event: Event) -> None:
    document.update(status="open", assignee=None, hold_reason=None)
    if "team" in data:
        document["team"] = data["team"]


def _hold(document: Document, data: Event, event: Event) -> None:
    document.update(status="on_hold", hold_reason=data["reason"])


def _time_on_hold(document: Document, event: Event, since: str | None, reason: str) -> None:
    """Called when a hold begins, and whenever the incident is not on hold."""
    is_held = document["status"] == "on_hold"
    document["held_since"] = time_of(event["occurred_at"]) if is_held else None
    if since is not None:
        lasted = event["occurred_at"] - datetime.fromisoformat(since)
        before = timedelta(seconds=document["held_seconds"].get(reason, 0))
        held = {reason: (before + lasted).total_seconds()}
        document["held_seconds"] = document["held_seconds"] | held


def _resume(document: Document, data: Event, event: Event) -> None:
    document.update(status=data["to_status"], hold_reason=None)


def _resolve(document: Document, data: Event, event: Event) -> None:
    document.update(
        status="resolved",
        resolved_at=time_of(event["occurred_at"]),
        resolution=data["resolution"],
        cause_code=data.get("cause_code"),
        hold_reason=None,
    )


def _close(document: Document, data: Event, event: Event) -> None:
    document.update(status="closed", closed_at=time_of(event["occurred_at"]))


def _reopen(document: Document, data: Event, event: Event) -> None:
    document["reopened"] += 1
    document["status"] = "open"
    for name in ("acknowledged_at", "resolved_at", "closed_at", "resolution", "cause_code"):
        document[name] = None


def _cancel(document: Document, data: Event, event: Event) -> None:
    document.update(status="cancelled", hold_reason=None)


def _merge(document: Document, data: Event, event: Event) -> None:
    document.update(status="merged", hold_reason=None)


def _note(document: Document, data: Event, event: Event) -> None:
    document["notes"].append({"id": data["note"], "text": data["text"], "retracted": False})


def _retract(document: Document, data: Event, event: Event) -> None:
    for note in document["notes"]:
        note["retracted"] |= note["id"] == data["note"]


def _amend(document: Document, data: Event, event: Event) -> None:
    document["amended"][data["field"]] = data["value"]


def _describe(document: Document, data: Event, event: Event) -> None:
    for name in ("title", "description"):
        if name in data:
            document[name] = data[name]


def _nothing_compared(document: Document, data: Event, event: Event) -> None:
    pass


def _status(status: str) -> Callable[[Document, Event, Event], None]:
    return lambda document, data, event: document.update(status=status)


RULES: Mapping[str, Callable[[Document, Event, Event], None]] = {
    "reported": _report,
    "declared": _declare,
    "dismissed": _status("dismissed"),
    "acknowledged": _acknowledge,
    "assigned": _assign,
    "released": _release,
    "severity_changed": lambda document, data, event: document.update(severity=data["severity"]),
    "put_on_hold": _hold,
    "resumed": _resume,
    "mitigated": _status("mitigated"),
    "resolved": _resolve,
    "closed": _close,
    "reopened": _reopen,
    "cancelled": _cancel,
    "merged": _merge,
    "described": _describe,
    "impact_set": _nothing_compared,
    "linked": _nothing_compared,
    "task_added": _nothing_compared,
    "task_completed": _nothing_compared,
    "task_waived": _nothing_compared,
    "evidence_attached": _nothing_compared,
    "escalated": _nothing_compared,
    "note_added": _note,
    "note_retracted": _retract,
    "amended": _amend,
    "review_waived": _nothing_compared,
    "sla_breached": _nothing_compared,
}


def compared(document: Mapping[str, Any]) -> Document:
    """A document of the product, cut down to what this fold says about it."""
    shown = {name: document[name] for name in COMPARED}
    shown["notes"] = [
        {name: note[name] for name in ("id", "text", "retracted")} for note in document["notes"]
    ]
    shown["amended"] = {name: each["value"] for name, each in document["amended"].items()}
    return shown


COMPARED = (
    "id",
    "reference",
    "version",
    "status",
    "title",
    "description",
    "severity",
    "priority",
    "team",
    "role",
    "assignee",
    "reporter",
    "source",
    "source_key",
    "opened_at",
    "acknowledged_at",
    "resolved_at",
    "closed_at",
    "updated_at",
    "hold_reason",
    "first_acknowledged_at",
    "held_since",
    "held_seconds",
    "resolution",
    "cause_code",
    "reopened",
    "deviations",
    "imported_through",
)
