"""An organization, folded from its events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from write_model.kernel.errors import NotFound
from write_model.kernel.messages import Aggregate
from write_model.kernel.policies import Policies
from write_model.organization.events import (
    IdentityProviderRemoved,
    IdentityProviderSet,
    OrganizationEvent,
    OrganizationFounded,
    PoliciesSet,
)


@dataclass(frozen=True, slots=True)
class Organization:
    """`name` is empty until the organization is founded."""

    name: str = ""
    version: int = 0
    policies: Policies = field(default_factory=Policies)
    identity_providers: tuple[IdentityProviderSet, ...] = ()
    """Through which its members may sign in, in the order in which they were set last."""

    @property
    def exists(self) -> bool:
        return bool(self.name)

    def after(self, event: OrganizationEvent, /, *, by: UUID, at: datetime) -> Organization:
        version = self.version + 1
        match event:
            case OrganizationFounded(name=name):
                return replace(self, version=version, name=name)
            case PoliciesSet():
                policies = Policies(
                    version,
                    event.late_reopen_after,
                    event.reopen_window,
                    event.require_idempotency_key,
                    event.require_if_match,
                    event.require_second_factor,
                )
                return replace(self, version=version, policies=policies)
            case IdentityProviderSet():
                others = self._providers_but(event.provider)
                return replace(self, version=version, identity_providers=(*others, event))
            case IdentityProviderRemoved(provider=provider):
                others = self._providers_but(provider)
                return replace(self, version=version, identity_providers=others)
            case _:
                assert_never(event)

    def trusts(self, provider: UUID) -> bool:
        return any(each.provider == provider for each in self.identity_providers)

    def identity_provider(self, provider: UUID) -> IdentityProviderSet:
        """Raises: NotFound."""
        for each in self.identity_providers:
            if each.provider == provider:
                return each
        raise NotFound("There is no such identity provider.")

    def _providers_but(self, provider: UUID) -> tuple[IdentityProviderSet, ...]:
        return tuple(each for each in self.identity_providers if each.provider != provider)


ORGANIZATION = Aggregate("organization", "ORG", Organization())
