"""Incidents as they are shown: one, a page of them, and what may be done next."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict

from api.answers.answer import ABSENT, Answer, Awaited
from api.answers.incident_parts import (
    Amendment,
    Evidence,
    Link,
    Note,
    RowAndStep,
    SlaBreach,
    Task,
    Unseen,
)
from write_model.incident.events import AmendableField, HoldReason, Priority, Severity, Status


class Summary(Answer):
    """What the list shows of an incident."""

    id: UUID
    reference: str
    """Usable wherever the id is, such as INC-42."""
    number: int
    """The one in the reference."""
    version: int
    """How many events it has; for `If-Match`."""
    status: Status
    title: str
    severity: Severity | None
    """Null until somebody has assessed it."""
    priority: Priority | None
    impact: str | None
    team: str | None
    role: str | None
    assignee: UUID | None
    """The person whose incident it is."""
    reporter: UUID
    source: str
    """Where it came from; `manual` when nobody said."""
    source_key: str | None
    """What the source calls it."""
    opened_at: AwareDatetime
    """When it was first reported or declared; this and the next three tell when it happened."""
    acknowledged_at: AwareDatetime | None
    """The first time since it was opened or last reopened."""
    resolved_at: AwareDatetime | None
    """Null until then, and again once it is reopened."""
    closed_at: AwareDatetime | None
    """Null until then, and again once it is reopened."""
    updated_at: AwareDatetime
    """When its last event was recorded."""
    hold_reason: HoldReason | None
    resolution: str | None
    cause_code: str | None
    outcome_reason: str | None
    """Why it was dismissed or cancelled."""
    merged_into: UUID | None
    """The incident that carries on for it."""
    reopened: int
    """How often."""
    escalations: int
    """How many."""
    imported_through: RowAndStep | None
    """The last row of an older system that it stands for."""
    deviations: list[str]
    """The rules that imported history broke, by name."""


class IncidentDocument(Summary, Awaited):
    """One incident as it stands."""

    description: str | None
    first_acknowledged_at: AwareDatetime | None
    """The first time of all, however often it was reopened since."""
    held_since: AwareDatetime | None
    """When the present hold began; null when it is not on hold."""
    held_seconds: dict[HoldReason, float]
    """Reason -> how long all holds lasted that have ended."""
    injured: str | Unseen | None
    """A name for who may see it."""
    review_waived: str | None
    """Why it needs no review."""
    notes: list[Note]
    tasks: list[Task]
    links: list[Link]
    evidence: list[Evidence]
    amended: dict[AmendableField, Amendment]
    """Field -> what was corrected after the end; the original stays in its place."""
    sla_breaches: list[SlaBreach]
    people: dict[UUID, str]
    """Id -> name, of the people in it who are known."""


def _none_required(schema: dict[str, Any]) -> None:
    schema.pop("required")


class ListedIncident(Summary):
    """An incident in a list; where `fields` were asked for, only these."""

    model_config = ConfigDict(json_schema_extra=_none_required)


class IncidentPage(Awaited):
    """A page of incidents."""

    items: list[ListedIncident]
    next_cursor: str | None
    """For the next page; null on the last."""
    parked: int = ABSENT
    """So many records stand still because one of their events cannot be applied."""
    facets: dict[str, dict[str, int]] = ABSENT
    """Field -> value -> how many, the most first; `""` stands for no value. Only on demand."""


class Actions(Answer):
    """What you may do next."""

    id: UUID
    version: int
    actions: list[str]
    """The commands, as they stand in their addresses."""
