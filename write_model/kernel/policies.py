"""What an organization may decide for itself, with the defaults that bind until it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policies:
    """`version`: that of the organization's stream from which they were read; 0 for defaults."""

    version: int = 0
    late_reopen_after: timedelta = timedelta(days=7)
    """From then on only an incident commander reopens."""
    reopen_window: timedelta = timedelta(days=30)
    """After it nobody does: a new, linked incident is declared."""
    require_idempotency_key: bool = False
    """Whether a command must come with an Idempotency-Key."""
    require_if_match: bool = False
    """Whether a command on a record must say in If-Match which version was seen."""
    require_second_factor: bool = False
    """Whether a member without a second factor may do nothing but set one up."""


DEFAULTS = Policies()
