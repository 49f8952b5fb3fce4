"""Brings the database to the present schema and, at the very first start, makes it usable."""

from __future__ import annotations

import asyncio
import sys

from read_model.migrating import MigrationChanged, migrate
from workers.first_start import first_start
from write_model.accounts import Accounts
from write_model.kernel.credentials import Logins
from write_model.kernel.homes import local_url
from write_model.kernel.passwords import Passwords
from write_model.kernel.privileges import drop_privileges
from write_model.kernel.secret_sources import SecretRefused
from write_model.kernel.settings import APP, OWNER, SUPERUSER, TAILER, Settings
from write_model.opening import opened


def main() -> None:
    """Safe to run at every start, and by several processes at once."""
    drop_privileges()
    settings = Settings()
    master = settings.master_secret()
    administrator = settings.database_url or settings.conninfo(SUPERUSER)
    passwords = {role: settings.database_password(role) for role in (OWNER, TAILER, APP)}
    try:
        migrate(administrator, passwords=passwords, secret_mark=master.mark)
    except (MigrationChanged, SecretRefused) as error:
        sys.exit(str(error))
    asyncio.run(_make_usable(settings))


async def _make_usable(settings: Settings) -> None:
    async with opened(settings) as it:
        accounts = Accounts(
            it.write_model, Logins(it.pool), Passwords(), it.keyring, it.master, it.ids
        )
        await first_start(
            accounts,
            organization=settings.organization,
            url=local_url(settings.host, settings.port),
            login=settings.home / "first-login.json",
            clock=it.clock,
        )


if __name__ == "__main__":
    main()
