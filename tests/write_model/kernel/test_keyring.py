import asyncio
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest

from tests.embedded import Database
from tests.identity import FREYA, HARBOR, INGE, MASTER, QUARRY, Pool, erase
from write_model.kernel.errors import SubjectErased
from write_model.kernel.keyring import Keyring
from write_model.kernel.personal import CannotOpen, Clear, Place, Sealed, seal
from write_model.kernel.settings import APP

SALT = bytes(16)


def place(tenant: UUID = HARBOR) -> Place:
    return Place(tenant, UUID(int=1), UUID(int=2), "name")


async def named(keyring: Keyring, subject: UUID, name: str, tenant: UUID = HARBOR) -> Sealed:
    keys = await keyring.keys_for(tenant, [subject])
    return seal(Clear(subject, name), keys[subject], place(tenant), salt=SALT)


async def test_a_subject_gets_one_key_in_an_organization_and_keeps_it(pool: Pool) -> None:
    keys = await Keyring(pool, MASTER).keys_for(HARBOR, [FREYA, INGE])
    assert len({*keys.values()}) == 2
    assert await Keyring(pool, MASTER).keys_for(HARBOR, [INGE, FREYA]) == keys


async def test_in_another_organization_the_same_person_has_another_key(pool: Pool) -> None:
    keyring = Keyring(pool, MASTER)
    here, there = await keyring.keys_for(HARBOR, [FREYA]), await keyring.keys_for(QUARRY, [FREYA])
    assert here != there


async def test_whoever_asks_at_once_gets_the_keys_of_his_organization(pool: Pool) -> None:
    keyring = Keyring(pool, MASTER)
    asked = [(HARBOR, [FREYA]), (QUARRY, [FREYA, INGE]), (HARBOR, [INGE]), (QUARRY, [INGE])]
    found = await asyncio.gather(*(keyring.keys_for(*each) for each in asked))
    assert found == [await Keyring(pool, MASTER).keys_for(*each) for each in asked]


async def test_processes_that_ask_at_once_get_the_same_key(pool: Pool) -> None:
    asked = (Keyring(pool, MASTER).keys_for(HARBOR, [FREYA, INGE]) for _ in range(8))
    first, *others = await asyncio.gather(*asked)
    assert all(other == first for other in others)


async def test_sealed_values_are_opened_in_order_across_organizations(pool: Pool) -> None:
    keyring = Keyring(pool, MASTER)
    values = [
        (await named(keyring, FREYA, "Freya Lind"), place()),
        (await named(keyring, FREYA, "F. Lind", QUARRY), place(QUARRY)),
        (await named(keyring, INGE, "Inge Moen"), place()),
    ]
    opened = await Keyring(pool, MASTER).open_many(values)
    assert opened == ["Freya Lind", "F. Lind", "Inge Moen"]
    assert await keyring.open_many(values) == opened
    assert await keyring.open_many([]) == []


async def test_what_was_moved_elsewhere_does_not_open(pool: Pool) -> None:
    keyring = Keyring(pool, MASTER)
    sealed = await named(keyring, FREYA, "Freya Lind")
    with pytest.raises(CannotOpen):
        await keyring.open_many([(sealed, replace(place(), field="email"))])


async def test_an_erased_person_stays_closed_and_never_gets_another_key(
    pool: Pool, database: Database
) -> None:
    keyring = Keyring(pool, MASTER)
    sealed = await named(keyring, FREYA, "Freya Lind")
    erase(database, HARBOR, FREYA)
    keyring.evict(HARBOR, FREYA)
    assert await keyring.open_many([(sealed, place())]) == [None]
    with pytest.raises(SubjectErased):
        await keyring.keys_for(HARBOR, [FREYA, INGE])


async def test_a_process_that_is_told_of_an_erasure_forgets_the_key(
    pool: Pool, database: Database
) -> None:
    told, distrustful = (Keyring(pool, MASTER) for _ in range(2))
    sealed = await named(told, FREYA, "Freya Lind")
    await distrustful.keys_for(HARBOR, [FREYA])
    erase(database, HARBOR, FREYA)
    assert await told.open_many([(sealed, place())]) == ["Freya Lind"]
    told.evict(HARBOR, FREYA)
    distrustful.distrust()
    assert await told.open_many([(sealed, place())]) == [None]
    assert await distrustful.open_many([(sealed, place())]) == [None]


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_key_that_was_on_its_way_when_a_person_was_erased_is_not_remembered(
    pool: Pool, database: Database, is_told: bool
) -> None:
    sealed = await named(Keyring(pool, MASTER), FREYA, "Freya Lind")
    keyring = Keyring(pool, MASTER)
    on_its_way = asyncio.create_task(keyring.open_many([(sealed, place())]))
    await asyncio.sleep(0)
    keyring.evict(HARBOR, FREYA) if is_told else keyring.distrust()
    assert await on_its_way == ["Freya Lind"]
    erase(database, HARBOR, FREYA)
    assert await keyring.open_many([(sealed, place())]) == [None]


async def test_a_key_lies_in_the_database_only_wrapped(pool: Pool, database: Database) -> None:
    keys = await Keyring(pool, MASTER).keys_for(HARBOR, [FREYA])
    with psycopg.connect(database.conninfo("postgres")) as connection:
        row = connection.execute("SELECT wrapped FROM personal.subject_keys").fetchone()
    assert row is not None
    assert keys[FREYA] not in row[0]
    assert len(row[0]) == 12 + 32 + 16


@pytest.mark.parametrize(
    "table",
    [
        "personal.subject_keys",
        "credentials.logins",
        "credentials.seats",
        "credentials.refresh_families",
        "credentials.api_keys",
        "credentials.api_key_secrets",
        "credentials.second_factors",
        "credentials.recovery_codes",
        "credentials.client_secrets",
        "credentials.linked_subjects",
        "credentials.finished_flows",
    ],
)
async def test_the_app_reaches_what_lies_outside_the_log_by_functions_only(
    table: str, database: Database
) -> None:
    with (
        psycopg.connect(database.conninfo(APP)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"SELECT 1 FROM {table}".encode())
