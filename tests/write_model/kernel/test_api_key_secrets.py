"""What the secrets of API keys promise, against a real database."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest

from tests.embedded import Database
from tests.identity import HARBOR, MASTER, QUARRY, everything_stored, pool_of
from write_model.kernel.api_key_secrets import ApiKeySecrets, Kept
from write_model.kernel.ids import new_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


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
    secret, key = secrets.make(), new_id()
    assert await secrets.find(secret.token) is None
    await secrets.keep(key, HARBOR, secret.token)
    assert await secrets.find(secret.token) == Kept(key, HARBOR)
    stored = everything_stored(database)
    assert not [table for table, rows in stored.items() if secret.token in rows]


async def test_when_a_key_was_used_last_is_known_to_the_hour(secrets: ApiKeySecrets) -> None:
    key = new_id()
    await secrets.keep(key, HARBOR, secrets.make().token)
    assert await secrets.of(HARBOR) == {key: None}
    for minutes, shown in ((0, 0), (59, 0), (61, 61)):
        await secrets.used(key, at=NOON + timedelta(minutes=minutes))
        assert await secrets.of(HARBOR) == {key: NOON + timedelta(minutes=shown)}


async def test_keys_are_listed_for_their_own_organization(secrets: ApiKeySecrets) -> None:
    ours, theirs = new_id(), new_id()
    await secrets.keep(ours, HARBOR, secrets.make().token)
    await secrets.keep(theirs, QUARRY, secrets.make().token)
    assert list(await secrets.of(HARBOR)) == [ours]
