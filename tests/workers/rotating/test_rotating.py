"""Another master secret opens all that the one before has sealed, whatever happens meanwhile."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from signal import SIGKILL
from uuid import UUID

import psycopg
import pytest

from read_model.migrating import migrate, set_passwords
from tests.embedded import LOGIN_ROLES, SUPERUSER, Database, password
from tests.identity import FREYA, HARBOR, INGE, MASTER, QUICK, erase
from workers.connecting import connected
from workers.rotating.change import Change
from workers.rotating.kinds import KINDS
from workers.rotating.rotating import Progress, rotate
from write_model.accounts import Accounts, NamedPerson, NewMember
from write_model.kernel.access import Actor, Role
from write_model.kernel.api_key_secrets import ApiKeySecrets
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.client_secrets import ClientSecrets
from write_model.kernel.credentials import Logins
from write_model.kernel.errors import SubjectErased
from write_model.kernel.factors import Factors
from write_model.kernel.kept_secrets import KeptSecrets
from write_model.kernel.passwords import Passwords
from write_model.kernel.personal import Clear, Place, Sealed, seal
from write_model.kernel.secret_sources import SecretRefused
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.settings import Settings
from write_model.opening import Opened, opened

NEXT, OTHER = MASTER.successor(), MASTER.successor()
OWNER = Actor(INGE, HARBOR, frozenset({Role.OWNER}))
SVEN = NewMember("Sven Holt", "sven@harbor.example", frozenset({Role.RESPONDER}))
DRIVER = NamedPerson("Ada Forklift", "drivers.csv", "7")
PLACE = Place(HARBOR, UUID(int=1), UUID(int=2), "name")
MANY = [UUID(int=number) for number in range(0x1000, 0x1000 + 2_500)]
"""More people than go into two batches."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept under the first secret."""

    name: Sealed
    keys: dict[UUID, bytes]
    sven: UUID
    driver: UUID
    api_key: str


@pytest.fixture
def prepared(database: Database) -> Iterator[None]:
    """The database knows its secret; the roles are the server's, so other tests need them back."""
    admin = database.conninfo(SUPERUSER)
    migrate(admin, passwords={}, secret_mark=MASTER.mark)
    yield
    with psycopg.connect(admin, autocommit=True) as connection:
        set_passwords(connection, {role: password(role) for role in LOGIN_ROLES})


@pytest.fixture
async def kept(prepared: None, settings: Settings, database: Database) -> Kept:
    async with opened(settings) as parts:
        keys = await parts.keyring.keys_for(HARBOR, [FREYA, *MANY])
        await parts.keyring.keys_for(HARBOR, [INGE])
        erase(database, HARBOR, INGE)
        name = seal(Clear(FREYA, "Freya Lind"), keys[FREYA], PLACE, salt=bytes(16))
        joined = await accounts_of(parts).join(SVEN, "oil under the forklift", by=OWNER)
        await Logins(parts.pool).claim(bytes(32), FREYA, "hash", tenant=HARBOR)
        await Factors(parts.pool).offer(FREYA, sealing("second_factors").seal(b"totp", FREYA))
        await client_secrets(parts).keep(FREYA, INGE, HARBOR, "oil")
        [driver] = await accounts_of(parts).list_people([DRIVER], by=OWNER)
        token = ApiKeySecrets(parts.pool, parts.master.key("api_keys")).make().token
        return Kept(name, keys, joined.subject, driver.subject, token)


def accounts_of(parts: Opened) -> Accounts:
    logins = Logins(parts.pool)
    passwords = Passwords(QUICK)
    return Accounts(parts.write_model, logins, passwords, parts.keyring, parts.master, parts.ids)


def sealing(purpose: str, master: MasterSecret = MASTER) -> KeptSecrets:
    return KeptSecrets(master.key(purpose))


def client_secrets(parts: Opened) -> ClientSecrets:
    return ClientSecrets(parts.pool, sealing("client_secrets", parts.master))


def rotated(
    conninfo: str, present: MasterSecret, following: MasterSecret, killed_at: int = 0
) -> dict[str, int]:
    """`killed_at`: the batch after which the process ends without a word; 0 for none."""
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        if len(told) == killed_at:
            os.kill(os.getpid(), SIGKILL)

    passwords = {role: following.database_password(role) for role in LOGIN_ROLES}
    with connected(conninfo, statement_timeout_s=30) as connection:
        change = Change(present, following)
        return rotate(connection, change, passwords=passwords, told=tell)


@asynccontextmanager
async def opened_again(settings: Settings, master: MasterSecret = NEXT) -> AsyncGenerator[Opened]:
    (settings.home / "secrets").write_text(master.text())
    async with opened(settings) as parts:
        yield parts


async def all_opens(parts: Opened, kept: Kept) -> None:
    assert await parts.keyring.open_many([(kept.name, PLACE)]) == ["Freya Lind"]
    assert await parts.keyring.keys_for(HARBOR, kept.keys) == kept.keys
    login = await Logins(parts.pool).find(BlindIndex(parts.master).of(SVEN.email))
    assert login is not None
    assert login.user == kept.sven
    factor = await Factors(parts.pool).of(FREYA)
    assert factor is not None
    assert sealing("second_factors", parts.master).open(factor.sealed, FREYA) == b"totp"
    assert await client_secrets(parts).read(FREYA, HARBOR) == "oil"
    [driver] = await accounts_of(parts).list_people([DRIVER], by=OWNER)
    assert driver.subject == kept.driver
    assert ApiKeySecrets(parts.pool, parts.master.key("api_keys")).prefix_of(kept.api_key)


async def test_all_that_was_kept_opens_under_the_next_secret_and_under_the_one_after(
    kept: Kept, settings: Settings, database: Database
) -> None:
    admin = database.conninfo(SUPERUSER)
    counts = rotated(admin, MASTER, NEXT)
    assert list(counts) == [kind.name for kind in KINDS]
    async with opened_again(settings) as parts:
        await all_opens(parts, kept)
    third = NEXT.successor()
    rotated(admin, NEXT, third)
    async with opened_again(settings, third) as parts:
        await all_opens(parts, kept)


async def test_nothing_opens_under_the_secret_before_any_more(
    kept: Kept, database: Database
) -> None:
    rotated(database.conninfo(SUPERUSER), MASTER, NEXT)
    with psycopg.connect(database.conninfo(SUPERUSER)) as superuser:
        query = (
            "SELECT count(*) FILTER (WHERE erased_at IS NULL AND key_id <> %s),"
            " (SELECT count(*) FROM credentials.logins WHERE blind_email = ANY (%s))"
            " FROM personal.subject_keys"
        )
        blind = [bytes(32), BlindIndex(MASTER).of(SVEN.email)]
        assert superuser.execute(query, (NEXT.key_id, blind)).fetchone() == (0, 0)


async def test_who_was_erased_stays_erased(
    kept: Kept, settings: Settings, database: Database
) -> None:
    rotated(database.conninfo(SUPERUSER), MASTER, NEXT)
    async with opened_again(settings) as parts:
        with pytest.raises(SubjectErased):
            await parts.keyring.keys_for(HARBOR, [INGE])


async def test_killed_after_every_batch_it_goes_on_where_it_was(
    kept: Kept, settings: Settings, database: Database
) -> None:
    admin = database.conninfo(SUPERUSER)
    begun = multiprocessing.get_context("spawn")
    codes: list[int | None] = []
    while not codes or codes[-1] != 0:
        killed = begun.Process(target=rotated, args=(admin, MASTER, NEXT, len(codes) + 1))
        killed.start()
        killed.join()
        codes.append(killed.exitcode)
    assert codes == [-SIGKILL] * 6 + [0], "three batches of keys, one of each other kind"
    async with opened_again(settings) as parts:
        await all_opens(parts, kept)


async def test_while_it_goes_on_nothing_starts_and_no_other_secret_takes_part(
    kept: Kept, database: Database
) -> None:
    admin = database.conninfo(SUPERUSER)
    begun = multiprocessing.get_context("spawn")
    killed = begun.Process(target=rotated, args=(admin, MASTER, NEXT, 1))
    killed.start()
    killed.join()
    for mark in (MASTER.mark, NEXT.mark):
        with pytest.raises(SecretRefused, match="is being replaced"):
            migrate(admin, passwords={}, secret_mark=mark)
    with pytest.raises(SecretRefused, match="Another secret is taking the place"):
        rotated(admin, MASTER, OTHER)
    with pytest.raises(SecretRefused, match="made with another"):
        rotated(admin, OTHER, NEXT)
    assert rotated(admin, MASTER, NEXT)


async def test_what_is_done_is_not_done_again(kept: Kept, database: Database) -> None:
    admin = database.conninfo(SUPERUSER)
    rotated(admin, MASTER, NEXT)
    assert rotated(admin, MASTER, NEXT) == {}
    migrate(admin, passwords={}, secret_mark=NEXT.mark)
    with pytest.raises(SecretRefused, match="made with another"):
        migrate(admin, passwords={}, secret_mark=MASTER.mark)


async def test_processes_that_still_have_the_secret_before_are_cut_off(
    kept: Kept, settings: Settings, database: Database
) -> None:
    with psycopg.connect(settings.conninfo("tallystick_app")) as still_there:
        rotated(database.conninfo(SUPERUSER), MASTER, NEXT)
        with pytest.raises(psycopg.OperationalError):
            still_there.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(settings.conninfo("tallystick_app"))
