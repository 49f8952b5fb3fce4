"""The first start: one organization and its administrator, whose password is in one private file.

He sets one of his own within seven days; after that the operator lets him, by `reset-password`.
A crash at any point is finished by the next start: the password may be set anew until the file
holding it is written, and the founding is recorded last of all.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from write_model.accounts import Accounts, NewMember
from write_model.kernel.access import Role, system_actor
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import FIRST_PASSWORDS_LIVE
from write_model.organization.commands import FoundOrganization
from write_model.organization.first import first_tenant
from write_model.organization.organization import ORGANIZATION

EMAIL = "admin@localhost"


async def first_start(
    accounts: Accounts, *, organization: str, url: str, login: Path, clock: Clock
) -> bool:
    """Found the organization and write its administrator's login down; False when it was before."""
    tenant, write_model = first_tenant(accounts.master), accounts.write_model
    founded, _ = await write_model.state(tenant, tenant, ORGANIZATION)
    if founded.exists:
        return False
    if not await _is_settled(accounts):
        whose = {"url": url, "organization": organization, "email": EMAIL}
        until = clock() + FIRST_PASSWORDS_LIVE
        await _make_administrator(accounts, tenant, whose, login=login, good_until=until)
    command = FoundOrganization(name=organization)
    await write_model.handle(tenant, command, by=system_actor(tenant))
    return True


async def _is_settled(accounts: Accounts) -> bool:
    known = await accounts.logins.find(BlindIndex(accounts.master).of(EMAIL))
    return known is not None and not known.is_pending


async def _make_administrator(
    accounts: Accounts,
    tenant: UUID,
    whose: Mapping[str, str],
    *,
    login: Path,
    good_until: datetime,
) -> None:
    password = secrets.token_urlsafe(18)
    member = NewMember("Administrator", EMAIL, frozenset({Role.OWNER}))
    by = system_actor(tenant)
    joined = await accounts.join(member, password, by=by, good_until=good_until)
    content = {**whose, "password": password, "good_until": good_until.isoformat()}
    await asyncio.to_thread(_write_privately, login, content)
    await accounts.settle(joined)


def _write_privately(path: Path, content: dict[str, str]) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
