"""An organization, folded from its events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from write_model.kernel.messages import Aggregate
from write_model.kernel.policies import Policies
from write_model.organization.events import OrganizationEvent, OrganizationFounded, PoliciesSet


@dataclass(frozen=True, slots=True)
class Organization:
    """`name` is empty until the organization is founded."""

    name: str = ""
    version: int = 0
    policies: Policies = field(default_factory=Policies)

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
            case _:
                assert_never(event)


ORGANIZATION = Aggregate("organization", "ORG", Organization())
