"""What has happened to a person's identity. The stream's id is the subject id."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from write_model.kernel.messages import Event, event
from write_model.kernel.personal import Personal


@event("user.registered")
class UserRegistered(Event):
    name: Personal[str]
    email: Personal[str]


@event("user.invited")
class UserInvited(Event):
    """`organization`: the one that asks him in, whether he was known before or not."""

    organization: UUID


@event("user.password_changed")
class PasswordChanged(Event):
    """That it changed; the hash itself lies outside the log."""


EndReason = Literal[
    "signed_out",
    "ended",
    "ended_by_administrator",
    "token_reused",
    "password_changed",
    "password_reset",
]


@event("user.sign_ins_ended")
class SignInsEnded(Event):
    """`sign_in`: the one that ended; None when all of them did."""

    reason: EndReason
    sign_in: UUID | None = None


@event("user.password_reset_offered")
class ResetOffered(Event):
    """`organization`: the one whose member he is; the system tenant when the operator did it."""

    organization: UUID


@event("user.second_factor_enabled")
class SecondFactorEnabled(Event):
    """Its secret lies outside the log."""


@event("user.second_factor_disabled")
class SecondFactorDisabled(Event):
    """`organization`: the one whose administrator did it; None when he did himself."""

    organization: UUID | None = None


@event("user.recovery_code_used")
class RecoveryCodeUsed(Event):
    """One of ten stood in for the second factor."""


@event("user.identity_provider_linked")
class IdentityProviderLinked(Event):
    """Who he is for the provider, which `organization` trusts, stands nowhere in the log."""

    organization: UUID
    provider: UUID


@event("user.identity_provider_unlinked")
class IdentityProviderUnlinked(Event):
    """The provider no longer tells of him, unless he is linked anew."""

    organization: UUID
    provider: UUID


UserEvent = (
    UserRegistered
    | UserInvited
    | PasswordChanged
    | SignInsEnded
    | ResetOffered
    | SecondFactorEnabled
    | SecondFactorDisabled
    | RecoveryCodeUsed
    | IdentityProviderLinked
    | IdentityProviderUnlinked
)
