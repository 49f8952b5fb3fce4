import asyncio
from datetime import timedelta

import pytest

from tests.identity import FREYA, HARBOR, INGE, MASTER, OLE, QUARRY, Pool, ToldTime
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.credentials import REFRESH_TOKENS_LIVE, Login, Logins, RefreshTokens

BLIND = BlindIndex(MASTER).of("freya@harbor.example")


async def test_a_new_address_is_claimed_with_its_password(pool: Pool) -> None:
    logins = Logins(pool)
    assert await logins.find(BLIND) is None
    assert await logins.claim(BLIND, FREYA, "hash", tenant=HARBOR) == (FREYA, True)
    assert await logins.find(BLIND) == Login(FREYA, "hash", True, (HARBOR,))


async def test_until_it_is_settled_the_same_organization_may_set_the_password_again(
    pool: Pool,
) -> None:
    logins = Logins(pool)
    await logins.claim(BLIND, FREYA, "lost", tenant=HARBOR)
    assert await logins.claim(BLIND, INGE, "second", tenant=HARBOR) == (FREYA, True)
    assert not await logins.settle(FREYA, "lost")
    assert await logins.settle(FREYA, "second")
    assert await logins.claim(BLIND, INGE, "third", tenant=HARBOR) == (FREYA, False)
    assert await logins.find(BLIND) == Login(FREYA, "second", False, (HARBOR,))
    assert not await logins.settle(FREYA, "second")


async def test_another_organization_adds_the_person_but_never_sets_the_password(
    pool: Pool,
) -> None:
    logins = Logins(pool)
    await logins.claim(BLIND, FREYA, "hash", tenant=HARBOR)
    assert await logins.claim(BLIND, INGE, "theirs", tenant=QUARRY) == (FREYA, False)
    login = await logins.find(BLIND)
    assert login is not None
    assert (login.password_hash, login.tenants) == ("hash", (HARBOR, QUARRY))


async def test_everyone_ever_added_is_known_to_his_organization_only(pool: Pool) -> None:
    logins = Logins(pool)
    index = BlindIndex(MASTER)
    await logins.claim(BLIND, FREYA, "hash", tenant=HARBOR)
    await logins.claim(index.of("inge@harbor.example"), INGE, "hash", tenant=HARBOR)
    await logins.claim(index.of("ole@quarry.example"), OLE, "hash", tenant=QUARRY)
    assert await logins.members_of(HARBOR) == [FREYA, INGE]
    assert await logins.members_of(QUARRY) == [OLE]


async def test_of_two_who_claim_at_once_one_wins_and_both_learn_who(pool: Pool) -> None:
    logins = Logins(pool)
    claimed = await asyncio.gather(
        logins.claim(BLIND, FREYA, "a", tenant=HARBOR),
        logins.claim(BLIND, INGE, "b", tenant=QUARRY),
    )
    assert len({user for user, _ in claimed}) == 1
    assert sorted(is_new for _, is_new in claimed) == [False, True]


async def test_a_rehash_never_overwrites_a_newer_password(pool: Pool) -> None:
    logins = Logins(pool)
    await logins.claim(BLIND, FREYA, "first", tenant=HARBOR)
    assert await logins.change_password(FREYA, old_hash="first", new_hash="second")
    assert not await logins.change_password(FREYA, old_hash="first", new_hash="rehashed")


async def test_another_password_ends_the_sign_ins_of_its_owner(pool: Pool, clock: ToldTime) -> None:
    logins, tokens = Logins(pool), RefreshTokens(pool)
    await logins.claim(BLIND, FREYA, "first", tenant=HARBOR)
    hers, theirs = [await tokens.start(user, HARBOR, at=clock()) for user in (FREYA, OLE)]
    assert not await logins.replace_password(FREYA, old_hash="0", new_hash="second", at=clock())
    assert await logins.replace_password(FREYA, old_hash="first", new_hash="second", at=clock())
    assert await logins.find(BLIND) == Login(FREYA, "second", False, (HARBOR,))
    assert (await logins.password_of(FREYA), await logins.password_of(OLE)) == ("second", None)
    assert await tokens.renew(hers, at=clock()) is None
    assert await tokens.renew(theirs, at=clock()) is not None


async def test_a_password_that_was_not_replaced_ends_no_sign_in(
    pool: Pool, clock: ToldTime
) -> None:
    logins, tokens = Logins(pool), RefreshTokens(pool)
    await logins.claim(BLIND, FREYA, "first", tenant=HARBOR)
    hers = await tokens.start(FREYA, HARBOR, at=clock())
    assert not await logins.replace_password(FREYA, old_hash="0", new_hash="second", at=clock())
    assert await tokens.renew(hers, at=clock()) is not None


async def test_a_refresh_token_is_good_for_one_renewal(pool: Pool, clock: ToldTime) -> None:
    tokens = RefreshTokens(pool)
    first = await tokens.start(FREYA, HARBOR, at=clock())
    renewed = await tokens.renew(first, at=clock())
    assert renewed is not None
    assert (renewed.user, renewed.tenant) == (FREYA, HARBOR)
    assert renewed.token != first
    assert await tokens.renew(renewed.token, at=clock()) is not None


async def test_a_token_that_comes_twice_ends_its_whole_family(pool: Pool, clock: ToldTime) -> None:
    tokens = RefreshTokens(pool)
    stolen = await tokens.start(FREYA, HARBOR, at=clock())
    other = await tokens.start(FREYA, HARBOR, at=clock())
    newest = await tokens.renew(stolen, at=clock())
    assert newest is not None
    assert await tokens.renew(stolen, at=clock()) is None
    assert await tokens.renew(newest.token, at=clock()) is None
    assert await tokens.renew(other, at=clock()) is not None


async def test_after_generations_an_old_token_still_ends_the_family(
    pool: Pool, clock: ToldTime
) -> None:
    tokens = RefreshTokens(pool)
    oldest = newest = await tokens.start(FREYA, HARBOR, at=clock())
    for _ in range(5):
        renewed = await tokens.renew(newest, at=clock())
        assert renewed is not None
        newest = renewed.token
    assert await tokens.renew(oldest, at=clock()) is None
    assert await tokens.renew(newest, at=clock()) is None


async def test_of_two_renewals_at_once_one_is_a_thief_s(pool: Pool, clock: ToldTime) -> None:
    tokens = RefreshTokens(pool)
    token = await tokens.start(FREYA, HARBOR, at=clock())
    renewals = await asyncio.gather(*(tokens.renew(token, at=clock()) for _ in range(2)))
    (winner,) = [renewed for renewed in renewals if renewed is not None]
    assert await tokens.renew(winner.token, at=clock()) is None


async def test_a_sign_in_ends_by_itself(pool: Pool, clock: ToldTime) -> None:
    tokens = RefreshTokens(pool)
    token = await tokens.start(FREYA, HARBOR, at=clock())
    clock.passes(REFRESH_TOKENS_LIVE + timedelta(seconds=1))
    assert await tokens.renew(token, at=clock()) is None


async def test_who_signs_out_cannot_renew(pool: Pool, clock: ToldTime) -> None:
    tokens = RefreshTokens(pool)
    token = await tokens.start(FREYA, HARBOR, at=clock())
    await tokens.revoke(token, at=clock())
    assert await tokens.renew(token, at=clock()) is None


@pytest.mark.parametrize("token", ["", "tsr_", "tsr_AAAA", "tsr_*", "tsr_ö", "tsr_" + "A" * 64])
async def test_what_is_no_token_is_good_for_nothing(
    token: str, pool: Pool, clock: ToldTime
) -> None:
    tokens = RefreshTokens(pool)
    await tokens.revoke(token, at=clock())
    assert await tokens.renew(token, at=clock()) is None
