"""What has happened to an organization."""

from __future__ import annotations

from datetime import timedelta

from write_model.kernel.messages import Event, event


@event("organization.founded")
class OrganizationFounded(Event):
    name: str


@event("organization.policies_set")
class PoliciesSet(Event):
    """All policies as they are from now on; durations are ISO 8601."""

    late_reopen_after: timedelta
    reopen_window: timedelta
    require_idempotency_key: bool = False
    require_if_match: bool = False
    require_second_factor: bool = False


OrganizationEvent = OrganizationFounded | PoliciesSet
