"""Figures of incidents; docs/reference/metrics.md says exactly what each of them is."""

from __future__ import annotations

from pydantic import AwareDatetime

from api.answers.answer import ABSENT, Answer, Awaited
from write_model.incident.events import HoldReason, Severity


class Span(Answer):
    """How long something took, in seconds; null where it never happened."""

    count: int
    """How often it happened."""
    mean: float | None
    p50: float | None
    """The median, between two values where there is none in the middle."""
    p90: float | None


class Figures(Answer):
    """Of the incidents that were opened in one interval, and are of one group."""

    since: AwareDatetime | None
    """When the interval begins, in UTC; null when no interval was asked for."""
    group: str | None
    """The severity, team or source; null for those without, or when no group was asked for."""
    opened: int
    resolved: int
    """How many of them are resolved, or closed after that."""
    closed: int
    """How many of them are closed."""
    reopened: int
    """How many of them were reopened, each counted once."""
    reopen_rate: float | None
    """The share of those that were ever resolved; null when none was."""
    time_to_acknowledge: Span
    """From when they were opened to the first acknowledgement of all."""
    time_to_resolve: Span
    """From when they were opened to the last resolution; one that was reopened is not resolved."""
    on_hold: dict[HoldReason, float]
    """Reason -> seconds on hold, all of them together."""


class OpenGroup(Answer):
    severity: Severity | None
    team: str | None
    count: int


class Age(Answer):
    """How many have been open for at least `from_s` and less than `to_s` seconds."""

    from_s: int
    to_s: int | None
    """Null for any time."""
    count: int


class OpenNow(Answer):
    """What is neither resolved nor ended otherwise, whenever it was opened."""

    count: int
    groups: list[OpenGroup]
    """By severity and team, the most first; at most 1,000."""
    ages: list[Age]


class IncidentFigures(Awaited):
    """Figures of incidents, by interval and group."""

    at: AwareDatetime
    """Until when present holds and ages are measured."""
    items: list[Figures]
    """By time; intervals and groups without any incident are left out."""
    open_now: OpenNow
    parked: int = ABSENT
    """So many records stand still because one of their events cannot be applied."""
