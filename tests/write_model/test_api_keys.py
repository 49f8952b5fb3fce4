"""How many API keys an organization may have in force, whoever makes them and at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from tests.identity import HARBOR, INGE, MASTER, QUARRY, ToldTime
from write_model.api_key.commands import Scope
from write_model.api_keys import ApiKeys, NewKey
from write_model.api_keys_in_force import ANEW_EVERY, KeysInForce
from write_model.kernel.access import Actor, Role
from write_model.kernel.api_key_secrets import ApiKeySecrets
from write_model.kernel.errors import Forbidden, IllegalTransition
from write_model.kernel.messages import IdempotencyKey
from write_model.kernel.settings import Settings
from write_model.opening import opened

TELEMETRY = NewKey("Forklift telemetry", frozenset({Scope.REPORT}))
KEY = IdempotencyKey("telemetry-1", bytes(32))


@pytest.fixture
def clock() -> ToldTime:
    return ToldTime()


@pytest.fixture
async def keys(settings: Settings, clock: ToldTime) -> AsyncGenerator[ApiKeys]:
    """Two at most."""
    async with opened(settings, clock=clock) as parts:
        secrets = ApiKeySecrets(parts.pool, MASTER.key("api_keys"))
        in_force = KeysInForce(parts.write_model, secrets, clock, at_most=2)
        yield ApiKeys(parts.write_model, secrets, parts.ids, clock, bytes(32), in_force)


def owner(clock: ToldTime, tenant: UUID = HARBOR) -> Actor:
    return Actor(INGE, tenant, frozenset({Role.OWNER}), authenticated_at=clock())


async def made(keys: ApiKeys, clock: ToldTime, new: NewKey = TELEMETRY) -> UUID:
    receipt, _ = await keys.create(new, by=owner(clock))
    return receipt.stream


async def two_are_refused(keys: ApiKeys, clock: ToldTime) -> None:
    """They count until it is counted anew."""
    by = replace(owner(clock), scopes=frozenset({"api_keys.manage"}))
    for _ in range(2):
        with pytest.raises(Forbidden):
            await keys.create(TELEMETRY, by=by)


async def test_of_several_made_at_once_no_more_are_made_than_may_be(
    keys: ApiKeys, clock: ToldTime
) -> None:
    asked = [keys.create(TELEMETRY, by=owner(clock)) for _ in range(5)]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in ended if isinstance(each, BaseException)]
    assert [type(each) for each in refused] == [IllegalTransition] * 3
    assert str(refused[0]) == ("An organization has at most 2 API keys in force; revoke one first.")
    assert len(await keys.secrets.of(HARBOR, at_most=9)) == 2
    await keys.create(TELEMETRY, by=owner(clock, QUARRY))


async def test_a_revoked_or_expired_one_makes_room_at_once(keys: ApiKeys, clock: ToldTime) -> None:
    first = await made(keys, clock)
    await made(keys, clock, replace(TELEMETRY, expires_at=clock() + timedelta(hours=1)))
    for _ in range(2):  # The second time nothing is counted anew.
        with pytest.raises(IllegalTransition):
            await made(keys, clock)
    await keys.revoke(first, by=owner(clock))
    await made(keys, clock)
    clock.passes(timedelta(hours=1))
    await made(keys, clock)
    with pytest.raises(IllegalTransition):
        await made(keys, clock)


async def test_what_was_refused_makes_room_once_it_is_counted_anew(
    keys: ApiKeys, clock: ToldTime
) -> None:
    await two_are_refused(keys, clock)
    with pytest.raises(IllegalTransition):
        await made(keys, clock)
    clock.passes(ANEW_EVERY + timedelta(seconds=1))
    for _ in range(2):
        await made(keys, clock)
    with pytest.raises(IllegalTransition):
        await made(keys, clock)


async def test_of_several_who_find_no_room_at_once_each_gets_what_is_counted_anew(
    keys: ApiKeys, clock: ToldTime
) -> None:
    await two_are_refused(keys, clock)
    clock.passes(ANEW_EVERY + timedelta(seconds=1))
    assert len(set(await asyncio.gather(made(keys, clock), made(keys, clock)))) == 2


async def test_the_same_request_has_the_same_answer_when_there_is_no_more_room(
    keys: ApiKeys, clock: ToldTime
) -> None:
    first = await keys.create(TELEMETRY, by=owner(clock), key=KEY)
    await made(keys, clock)
    receipt, secret = await keys.create(TELEMETRY, by=owner(clock), key=KEY)
    assert (receipt.stream, secret) == (first[0].stream, first[1])
    assert receipt.replayed
