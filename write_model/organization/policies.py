"""What each organization has decided, at hand for every command."""

from __future__ import annotations

from uuid import UUID

from write_model.kernel.policies import Policies
from write_model.kernel.recent import Recent
from write_model.kernel.records import Records
from write_model.organization.organization import ORGANIZATION, Organization


class OrganizationPolicies:
    """Remembered until a change is reported; read for every command while none could be.

    The stream of an organization has the tenant's id.
    """

    def __init__(self, records: Records, *, remembered: int = 10_000) -> None:
        self._records = records
        # By integers, as records are.
        self._known: Recent[int, Policies] = Recent(remembered)
        self._changes = 0
        self._trusted = True

    def known(self, tenant: UUID) -> Policies | None:
        """What is remembered; None when it must be read."""
        return self._known.get(tenant.int)

    async def of(self, tenant: UUID) -> Policies:
        """What is remembered, else what is committed; the defaults before anything was decided."""
        return self.known(tenant) or await self._read(tenant)

    def forget(self, tenant: UUID) -> None:
        """Something has happened to the organization."""
        self._changes += 1
        self._known.forget(tenant.int)

    def distrust(self) -> None:
        """The tail is lost: changes are no longer reported."""
        self._changes += 1
        self._trusted = False
        self._known.clear()

    def trust(self) -> None:
        """The tail is back."""
        self._trusted = True

    async def _read(self, tenant: UUID) -> Policies:
        changes = self._changes
        record = await self._records.fresh(tenant, tenant, ORGANIZATION)
        organization: Organization = record.state
        # Not when something has happened meanwhile: it may have been to this organization.
        if self._trusted and changes == self._changes:
            self._known.remember(tenant.int, organization.policies)
        return organization.policies
