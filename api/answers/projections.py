"""How what is shown is kept, as administrators are told."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from api.answers.answer import Answer


class RebuildProgress(Answer):
    """The newest rebuild that touches your organization's rows."""

    id: UUID
    state: Literal["waiting", "running", "done", "failed"]
    phase: str | None
    """What it is about: folding, indexing, catching up or swapping; null before it begins."""
    share: float
    """How far it is, from 0 to 1."""
    requested_at: AwareDatetime
    ended_at: AwareDatetime | None
    error: str | None
    """Why it failed, where it was a rebuild of your organization's rows only."""


class KeptProjection(Answer):
    """One projection, and how its newest rebuild is."""

    name: str
    version: int
    table: str
    rebuild: RebuildProgress | None


class KeptProjections(Answer):
    """What is shown to your organization, and how far it has come: all moves together."""

    position: int
    """The last of the organization's positions that is shown."""
    behind: int
    """How many of its events are not shown yet."""
    waiting_s: float
    """How long the oldest of these has waited."""
    running: bool
    """Whether a projector is at work."""
    paused: bool
    parked: int
    """Records that an event of theirs keeps from being shown as they are."""
    items: list[KeptProjection]


class AcceptedRebuild(Answer):
    """Somebody will do it; `GET /v1/admin/projections` says how far it is."""

    id: UUID
    name: str
    state: Literal["waiting"]
