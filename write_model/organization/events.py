"""What has happened to an organization."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

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


@event("organization.identity_provider_set")
class IdentityProviderSet(Event):
    """An identity provider as it is from now on; `secret` names what lies outside the log.

    `admits_owners`: only where an owner has set it.
    """

    provider: UUID
    name: str
    issuer: str
    client_id: str
    secret: UUID
    redirect_addresses: tuple[str, ...]
    admits_owners: bool


@event("organization.identity_provider_removed")
class IdentityProviderRemoved(Event):
    """Nobody signs in through it any more."""

    provider: UUID


OrganizationEvent = (
    OrganizationFounded | PoliciesSet | IdentityProviderSet | IdentityProviderRemoved
)
