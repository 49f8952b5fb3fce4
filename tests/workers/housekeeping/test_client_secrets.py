"""A client secret that no provider in force names goes after a day; the one in force never does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.embedded import SUPERUSER, Database
from tests.identity import FREYA, HARBOR
from workers.connecting import Connection, connected
from workers.housekeeping.client_secrets import forget_unnamed
from write_model.identity_providers import IdentityProviders, NewProvider
from write_model.kernel.access import Actor, Role, system_actor
from write_model.kernel.client_secrets import ClientSecrets
from write_model.kernel.clock import wall_clock
from write_model.kernel.kept_secrets import KeptSecrets
from write_model.kernel.linked_subjects import LinkedSubjects
from write_model.kernel.settings import TAILER, Settings
from write_model.opening import opened
from write_model.organization.commands import FoundOrganization

ACCOUNTS = NewProvider(
    "Harbor accounts",
    "https://accounts.harbor.example",
    "tallystick",
    ("https://desk.harbor.example/signed-in",),
    "sand and oil",
)


@dataclass(frozen=True, slots=True)
class Harbor:
    """An organization that trusts a provider, whose secret `names` stands for."""

    providers: IdentityProviders
    provider: UUID

    async def names(self) -> UUID:
        [trusted] = (await self.providers.organization(HARBOR)).identity_providers
        return trusted.secret

    async def keeps(self) -> UUID:
        """A secret that a command has kept, which was cut off before it was on record."""
        secret = uuid4()
        await self.providers.secrets.keep(secret, self.provider, HARBOR, "never sent")
        return secret

    async def still_has(self, secret: UUID) -> bool:
        return await self.providers.secrets.read(secret, HARBOR) is not None


def owner() -> Actor:
    """Who has just proven that it is she."""
    return Actor(FREYA, HARBOR, frozenset({Role.OWNER}), authenticated_at=wall_clock())


@pytest.fixture
async def harbor(settings: Settings) -> AsyncGenerator[Harbor]:
    async with opened(settings) as parts:
        write_model, ids, clock = parts.write_model, parts.ids, parts.clock
        founding = FoundOrganization(name="Harbor Warehouses")
        await write_model.handle(HARBOR, founding, by=system_actor(HARBOR))
        sealing = KeptSecrets(parts.master.key("client_secrets"))
        linked = LinkedSubjects(parts.pool, parts.master.key("linked_subjects"))
        secrets = ClientSecrets(parts.pool, sealing)
        providers = IdentityProviders(write_model, secrets, linked, ids, clock)
        provider, _ = await providers.add(ACCOUNTS, by=owner())
        yield Harbor(providers, provider)


@pytest.fixture
def tailer(database: Database) -> Iterator[Connection]:
    with connected(database.conninfo(TAILER), statement_timeout_s=10) as connection:
        yield connection


def passes(hours: int, database: Database) -> None:
    with psycopg.connect(database.conninfo(SUPERUSER)) as superuser:
        superuser.execute(
            "UPDATE credentials.client_secrets SET kept_at = kept_at - make_interval(hours => %s)",
            (hours,),
        )


async def test_what_a_command_has_left_goes_after_a_day(
    harbor: Harbor, database: Database, tailer: Connection
) -> None:
    named, left = await harbor.names(), await harbor.keeps()
    passes(23, database)
    assert forget_unnamed(tailer) == 0
    passes(2, database)
    assert (forget_unnamed(tailer), forget_unnamed(tailer)) == (1, 0)
    assert (await harbor.still_has(named), await harbor.still_has(left)) == (True, False)


async def test_the_one_that_was_in_force_before_goes_too_where_it_was_left(
    harbor: Harbor, database: Database, tailer: Connection
) -> None:
    before = await harbor.names()
    sealed = harbor.providers.secrets.sealing.seal(b"sand and oil", before)
    await harbor.providers.change(harbor.provider, ACCOUNTS, by=owner())
    with psycopg.connect(database.conninfo(SUPERUSER)) as superuser:
        superuser.execute(
            "INSERT INTO credentials.client_secrets (secret_id, provider_id, tenant_id, sealed)"
            " VALUES (%s, %s, %s, %s)",
            (before, harbor.provider, HARBOR, sealed),
        )
    passes(25, database)
    assert forget_unnamed(tailer) == 1
    assert (await harbor.still_has(before), await harbor.still_has(await harbor.names())) == (
        False,
        True,
    )


async def test_where_the_log_cannot_be_read_nothing_goes(
    harbor: Harbor, database: Database, tailer: Connection
) -> None:
    left = await harbor.keeps()
    passes(25, database)
    with psycopg.connect(database.conninfo(SUPERUSER)) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE log.events SET state = 'oil' WHERE originator_id = %s", (HARBOR,))
    assert forget_unnamed(tailer) == 0
    assert await harbor.still_has(left)
