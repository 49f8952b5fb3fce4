"""The operating organization: the one that the first start founds, and that founds the others."""

from __future__ import annotations

from uuid import UUID

from write_model.kernel.ids import derived_id
from write_model.kernel.secrets import MasterSecret


def first_tenant(master: MasterSecret) -> UUID:
    """The first organization's id: the same at every start, another on every installation."""
    return derived_id("organization", master.key("first-organization").hex())
