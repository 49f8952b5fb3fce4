"""What may be asked of an organization."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field, StringConstraints

from write_model.kernel.access import Role
from write_model.kernel.errors import IllegalTransition, Invalid, NotFound
from write_model.kernel.messages import Command, Moment
from write_model.kernel.texts import STORABLE
from write_model.organization.events import (
    IdentityProviderRemoved,
    IdentityProviderSet,
    OrganizationFounded,
    PoliciesSet,
)
from write_model.organization.organization import ORGANIZATION, Organization

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=STORABLE),
]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=STORABLE)]
HttpAddress = Annotated[
    str, StringConstraints(max_length=500, pattern=r"^https?://[^\s/?#@\x00]+(/[^\s?#\x00]*)?$")
]
"""Without a query, a fragment, or a password in it."""
RedirectAddresses = Annotated[tuple[HttpAddress, ...], Field(min_length=1, max_length=10)]
NonNegativeDuration = Annotated[timedelta, Field(ge=timedelta(0))]


class FoundOrganization(Command):
    """Found an organization: from now on it can keep records."""

    aggregate: ClassVar = ORGANIZATION
    permission: ClassVar = "organization.administer"
    name: Name

    def decide(self, state: Organization, moment: Moment) -> Iterator[OrganizationFounded]:
        if state.exists:
            raise IllegalTransition("The organization was founded already.")
        yield OrganizationFounded(name=self.name)


class SetPolicies(Command):
    """Decide how long after its end an incident may be reopened, and what commands must carry.

    After `late_reopen_after` only an incident commander reopens it, after `reopen_window` nobody.
    Durations are ISO 8601, such as P7D. Every command obeys at once, or within a second where
    another process of the server takes it.
    """

    aggregate: ClassVar = ORGANIZATION
    permission: ClassVar = "organization.administer"
    late_reopen_after: NonNegativeDuration
    """So long after its end anybody who responds may reopen an incident."""
    reopen_window: NonNegativeDuration
    """So long after its end it may be reopened at all; not shorter than the other."""
    require_idempotency_key: bool = False
    """Whether every command must carry an `Idempotency-Key`, which makes its retry safe."""
    require_if_match: bool = False
    """Whether a command on a record must carry `If-Match` with the version that was seen."""
    require_second_factor: bool = False
    """Whether a member without a second factor may do nothing but set one up."""

    def decide(self, state: Organization, moment: Moment) -> Iterator[PoliciesSet]:
        if not state.exists:
            raise NotFound
        if self.late_reopen_after > self.reopen_window:
            raise Invalid(
                "The reopen window must not be shorter than the time after which it is late.",
                field="reopen_window",
            )
        yield PoliciesSet(
            late_reopen_after=self.late_reopen_after,
            reopen_window=self.reopen_window,
            require_idempotency_key=self.require_idempotency_key,
            require_if_match=self.require_if_match,
            require_second_factor=self.require_second_factor,
        )


_PROVIDERS_AT_MOST = 10


class IdentityProviderCommand(Command):
    aggregate: ClassVar = ORGANIZATION
    permission: ClassVar = "organization.administer"
    needs_reauthentication: ClassVar = True
    provider: UUID


class AddIdentityProvider(IdentityProviderCommand):
    """Let members sign in through an identity provider that the organization trusts."""

    name: Name
    issuer: HttpAddress
    client_id: ClientId
    secret: UUID
    redirect_addresses: RedirectAddresses

    def decide(self, state: Organization, moment: Moment) -> Iterator[IdentityProviderSet]:
        if not state.exists:
            raise NotFound
        # The log forgets idempotency keys, and of the same request the same id is made.
        if state.trusts(self.provider):
            raise IllegalTransition("This identity provider was set already; change it instead.")
        if len(state.identity_providers) >= _PROVIDERS_AT_MOST:
            raise IllegalTransition(
                f"An organization has at most {_PROVIDERS_AT_MOST} identity providers;"
                " remove another one first."
            )
        yield _set(self, moment)


class ChangeIdentityProvider(AddIdentityProvider):
    """Change all that is known of an identity provider, its client secret included."""

    def decide(self, state: Organization, moment: Moment) -> Iterator[IdentityProviderSet]:
        state.identity_provider(self.provider)
        yield _set(self, moment)


class RemoveIdentityProvider(IdentityProviderCommand):
    """Let nobody sign in through an identity provider any more."""

    def decide(self, state: Organization, moment: Moment) -> Iterator[IdentityProviderRemoved]:
        state.identity_provider(self.provider)
        yield IdentityProviderRemoved(provider=self.provider)


def _set(command: AddIdentityProvider, moment: Moment) -> IdentityProviderSet:
    return IdentityProviderSet(
        provider=command.provider,
        name=command.name,
        issuer=command.issuer,
        client_id=command.client_id,
        secret=command.secret,
        redirect_addresses=command.redirect_addresses,
        # Whoever runs a provider can be any member there: an administrator becomes no owner so.
        admits_owners=Role.OWNER in moment.actor.roles,
    )
