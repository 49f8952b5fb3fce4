"""A second organization on a running stack.

No public route founds one as yet, so the write model is asked, as the role of the api.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from tests.acceptance.stack import Person, Stack
from write_model.accounts import Accounts, NewMember
from write_model.kernel.access import Role, system_actor
from write_model.kernel.credentials import Logins
from write_model.kernel.passwords import Passwords
from write_model.kernel.settings import Settings
from write_model.opening import opened
from write_model.organization.commands import FoundOrganization


def another_organization(stack: Stack, name: str = "North Quay") -> Person:
    """Its owner."""
    email, password = f"{secrets.token_hex(6)}@quay.example", secrets.token_urlsafe(18)
    asyncio.run(_found(stack.home, name, email, password))
    return stack.signed_in(email, password)


async def _found(home: Path, name: str, email: str, password: str) -> None:
    async with opened(Settings(home=home)) as it:
        logins = Logins(it.pool)
        accounts = Accounts(it.write_model, logins, Passwords(), it.keyring, it.master, it.ids)
        tenant = it.ids()
        by = system_actor(tenant)
        owner = NewMember("Ines Quay", email, frozenset({Role.OWNER}))
        await accounts.settle(await accounts.join(owner, password, by=by))
        await it.write_model.handle(tenant, FoundOrganization(name=name), by=by)
