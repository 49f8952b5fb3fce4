"""What the secrets of API keys promise, against a real database."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.embedded import Database
from tests.identity import HARBOR, MASTER, QUARRY, everything_stored, overtaken, pool_of
from write_model.kernel.api_key_secrets import ApiKeySecrets, Kept, Secret
from write_model.kernel.ids import new_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
END = NOON + timedelta(days=90)


async def begun(secrets: ApiKeySecrets, key: UUID, tenant: UUID = HARBOR) -> Secret:
    """The first secret of a key."""
    secret = secrets.make()
    assert await secrets.begin(key, tenant, secret.token, at=NOON, until=END, at_most=9)
    return secret


async def used_at(secrets: ApiKeySecrets) -> dict[UUID, datetime | None]:
    return {each.key: each.used_at for each in await secrets.of(HARBOR, at_most=9)}


@pytest.fixture
async def secrets(database: Database) -> AsyncGenerator[ApiKeySecrets]:
    async with pool_of(database) as pool:
        yield ApiKeySecrets(pool, MASTER.key("api_keys"))


async def test_a_secret_begins_with_its_prefix_and_is_shown_in_no_log_line(
    secrets: ApiKeySecrets,
) -> None:
    secret = secrets.make()
    assert secret.token.startswith(secret.prefix + "_")
    assert secrets.prefix_of(secret.token) == secret.prefix
    assert secret.token not in repr(secret)


async def test_what_was_made_up_is_told_without_asking(secrets: ApiKeySecrets) -> None:
    token = secrets.make().token
    elsewhere = ApiKeySecrets(secrets.pool, bytes(32)).make().token
    altered = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    for made_up in ("tsk_", "tsk_abcdefgh_", "tsk_abcdefgh_!", "tsk_é", elsewhere, altered):
        assert secrets.prefix_of(made_up) is None, made_up


async def test_a_kept_secret_is_found_by_itself_and_stands_nowhere(
    secrets: ApiKeySecrets, database: Database
) -> None:
    key = new_id()
    assert await secrets.find(secrets.make().token) is None
    first, second = await begun(secrets, key), secrets.make()
    await secrets.keep(key, HARBOR, second.token)
    stored = everything_stored(database)
    for secret in (first, second):
        assert await secrets.find(secret.token) == Kept(key, HARBOR)
        assert not [table for table, rows in stored.items() if secret.token in rows]


async def test_of_another_organization_s_key_no_secret_is_kept(secrets: ApiKeySecrets) -> None:
    key, secret = new_id(), secrets.make()
    await begun(secrets, key)
    await secrets.keep(key, QUARRY, secret.token)
    assert await secrets.find(secret.token) is None


async def test_when_a_key_was_used_last_is_known_to_the_hour(secrets: ApiKeySecrets) -> None:
    key = new_id()
    await begun(secrets, key)
    assert await used_at(secrets) == {key: None}
    for minutes, shown in ((0, 0), (59, 0), (61, 61)):
        await secrets.used(key, at=NOON + timedelta(minutes=minutes))
        assert await used_at(secrets) == {key: NOON + timedelta(minutes=shown)}


async def test_keys_are_listed_for_their_own_organization(secrets: ApiKeySecrets) -> None:
    ours, theirs = new_id(), new_id()
    await begun(secrets, ours)
    await begun(secrets, theirs, QUARRY)
    assert list(await used_at(secrets)) == [ours]


async def test_of_two_keys_begun_at_once_the_second_sees_the_first(
    secrets: ApiKeySecrets, database: Database
) -> None:
    second = secrets.begin(new_id(), HARBOR, secrets.make().token, at=NOON, until=END, at_most=1)
    first = (
        "SELECT set_config('app.tenant', %s, true),"
        " credentials.begin_api_key(%s, %s, %s, %s, %s, 1)"
    )
    given = (str(HARBOR), new_id(), HARBOR, bytes(32), NOON, END)
    assert await overtaken(second, database, first, *given) is False
