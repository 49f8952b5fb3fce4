"""What may be asked of an organization."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from write_model.kernel.errors import IllegalTransition, Invalid, NotFound
from write_model.kernel.messages import Command, Moment
from write_model.kernel.texts import STORABLE
from write_model.organization.events import OrganizationFounded, PoliciesSet
from write_model.organization.organization import ORGANIZATION, Organization

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=STORABLE),
]
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
