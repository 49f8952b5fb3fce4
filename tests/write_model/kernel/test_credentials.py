import asyncio
import base64
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import psycopg
import pytest

from tests.embedded import SUPERUSER, Database
from tests.identity import FREYA, HARBOR, INGE, MASTER, OLE, QUARRY, Pool, ToldTime, overtaken
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.credentials import (
    IDLE_SIGN_INS_LIVE,
    REFRESH_TOKENS_LIVE,
    Login,
    Logins,
    RefreshTokens,
    Renewed,
)
from write_model.kernel.sign_ins import SignIns

BLIND = BlindIndex(MASTER).of("freya@harbor.example")


async def begun(pool: Pool, clock: ToldTime, user: UUID = FREYA) -> str:
    """A sign-in of this person's, with the password that was hashed as `first`."""
    blind = BlindIndex(MASTER).of(f"{user}@harbor.example") if user != FREYA else BLIND
    await Logins(pool).claim(blind, user, "first", tenant=HARBOR)
    begun = await RefreshTokens(pool).start(user, HARBOR, verified="first", at=clock())
    assert begun is not None
    return begun.token


async def renewed(pool: Pool, clock: ToldTime, token: str) -> str | None:
    """The next token, where this one was good for it."""
    result = await RefreshTokens(pool).renew(token, at=clock())
    return result.token if isinstance(result, Renewed) else None


async def test_a_new_address_is_claimed_with_its_password(pool: Pool) -> None:
    logins = Logins(pool)
    assert await logins.find(BLIND) is None
    assert await logins.claim(BLIND, FREYA, "hash", tenant=HARBOR) == (FREYA, True)
    assert await logins.find(BLIND) == Login(FREYA, "hash", True, (HARBOR,))


async def test_a_password_that_was_made_up_is_good_until_its_end(pool: Pool) -> None:
    logins, end = Logins(pool), datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
    await logins.claim(BLIND, FREYA, "hash", tenant=HARBOR, until=end)
    login = await logins.find(BLIND)
    assert login is not None
    assert login.is_good(end - timedelta(seconds=1))
    assert not login.is_good(end)


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
    assert [seat.user for seat in await logins.members_of(HARBOR, at_most=9)] == [FREYA, INGE]
    assert [seat.user for seat in await logins.members_of(QUARRY, at_most=9)] == [OLE]
    [first] = await logins.members_of(HARBOR, at_most=1)
    [second] = await logins.members_of(HARBOR, after=first.mark, at_most=9)
    assert (first.user, second.user) == (FREYA, INGE)


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
    logins = Logins(pool)
    hers, theirs = await begun(pool, clock), await begun(pool, clock, OLE)
    assert not await logins.replace_password(FREYA, old_hash="0", new_hash="second", at=clock())
    assert await logins.replace_password(FREYA, old_hash="first", new_hash="second", at=clock())
    assert await logins.find(BLIND) == Login(FREYA, "second", False, (HARBOR,))
    assert (await logins.password_of(FREYA), await logins.password_of(INGE)) == ("second", None)
    assert await renewed(pool, clock, hers) is None
    assert await renewed(pool, clock, theirs) is not None


async def test_a_password_that_was_not_replaced_ends_no_sign_in(
    pool: Pool, clock: ToldTime
) -> None:
    logins = Logins(pool)
    hers = await begun(pool, clock)
    assert not await logins.replace_password(FREYA, old_hash="0", new_hash="second", at=clock())
    assert await renewed(pool, clock, hers) is not None


async def test_no_sign_in_begins_with_a_password_that_was_replaced(
    pool: Pool, clock: ToldTime
) -> None:
    logins, tokens = Logins(pool), RefreshTokens(pool)
    await logins.claim(BLIND, FREYA, "second", tenant=HARBOR)
    assert await tokens.start(FREYA, HARBOR, verified="first", at=clock()) is None


async def test_another_password_waits_for_a_sign_in_that_is_beginning_and_ends_it(
    pool: Pool, clock: ToldTime, database: Database
) -> None:
    logins = Logins(pool)
    await logins.claim(BLIND, FREYA, "first", tenant=HARBOR)
    change = logins.replace_password(FREYA, old_hash="first", new_hash="second", at=clock())
    start = (INGE, OLE, FREYA, HARBOR, "first", bytes(32), clock(), clock())
    query = "SELECT credentials.start_family(%s, %s, %s, %s, %s, %s, %s, %s)"
    assert await overtaken(change, database, query, *start)
    with psycopg.connect(database.conninfo(SUPERUSER)) as superuser:
        families = "SELECT revoked_at IS NOT NULL FROM credentials.refresh_families"
        assert superuser.execute(families).fetchall() == [(True,)]


async def test_a_refresh_token_is_good_for_one_renewal(pool: Pool, clock: ToldTime) -> None:
    tokens = RefreshTokens(pool)
    first = await begun(pool, clock)
    second = await tokens.renew(first, at=clock())
    assert isinstance(second, Renewed)
    assert (second.user, second.tenant) == (FREYA, HARBOR)
    assert second.token != first
    assert await renewed(pool, clock, second.token) is not None


async def test_a_token_that_comes_twice_ends_its_whole_family(pool: Pool, clock: ToldTime) -> None:
    stolen = await begun(pool, clock)
    other = await begun(pool, clock)
    newest = await renewed(pool, clock, stolen)
    assert newest is not None
    assert await renewed(pool, clock, stolen) is None
    assert await renewed(pool, clock, newest) is None
    assert await renewed(pool, clock, other) is not None


async def test_after_generations_an_old_token_still_ends_the_family(
    pool: Pool, clock: ToldTime
) -> None:
    oldest = newest = await begun(pool, clock)
    for _ in range(5):
        following = await renewed(pool, clock, newest)
        assert following is not None
        newest = following
    assert await renewed(pool, clock, oldest) is None
    assert await renewed(pool, clock, newest) is None


async def test_of_two_renewals_at_once_one_is_a_thief_s(pool: Pool, clock: ToldTime) -> None:
    tokens = RefreshTokens(pool)
    token = await begun(pool, clock)
    renewals = await asyncio.gather(*(tokens.renew(token, at=clock()) for _ in range(2)))
    (winner,) = [each for each in renewals if isinstance(each, Renewed)]
    assert await renewed(pool, clock, winner.token) is None


async def test_a_sign_in_ends_by_itself(pool: Pool, clock: ToldTime) -> None:
    token = await begun(pool, clock)
    clock.passes(REFRESH_TOKENS_LIVE + timedelta(seconds=1))
    assert await renewed(pool, clock, token) is None


async def test_a_sign_in_that_nobody_uses_ends_earlier(pool: Pool, clock: ToldTime) -> None:
    used, idle = await begun(pool, clock), await begun(pool, clock)
    clock.passes(IDLE_SIGN_INS_LIVE - timedelta(seconds=1))
    used = await renewed(pool, clock, used) or ""
    clock.passes(timedelta(seconds=1))
    assert await renewed(pool, clock, used) is not None
    assert await renewed(pool, clock, idle) is None


@pytest.mark.parametrize("first", range(2))
async def test_in_any_order_one_line_of_descent_lives_until_a_token_comes_twice(
    first: int, pool: Pool, clock: ToldTime
) -> None:
    """Every way in which the tokens given out so far can come back, five times."""
    for order in product((first,), (0, 1, 2), (0, 1, 2, 3), (0, 2, 4)):
        tokens, lives = [await begun(pool, clock)], True
        for chosen in order:
            token = tokens[min(chosen, len(tokens) - 1)]
            lives = lives and token == tokens[-1]
            following = await renewed(pool, clock, token)
            assert (following is not None) == lives, order
            tokens += [following] if following else []


async def test_what_was_made_up_for_a_sign_in_that_is_shown_renews_and_ends_nothing(
    pool: Pool, clock: ToldTime
) -> None:
    token = await begun(pool, clock)
    [shown] = await SignIns(pool).of(FREYA, at=clock())
    made_up = "tsr_" + base64.urlsafe_b64encode(shown.id.bytes + bytes(32)).decode()
    assert await RefreshTokens(pool).renew(made_up, at=clock()) is None
    assert await renewed(pool, clock, token) is not None


async def test_sign_ins_are_ended_one_by_one_and_all_by_their_owner_only(
    pool: Pool, clock: ToldTime
) -> None:
    sign_ins = SignIns(pool)
    for _ in range(3):
        await begun(pool, clock)
        clock.passes(timedelta(hours=1))
    newest, *others = await sign_ins.of(FREYA, at=clock())
    assert not await sign_ins.end(INGE, newest.id, at=clock())
    assert await sign_ins.lives(FREYA, newest.id, at=clock())
    assert not await sign_ins.lives(INGE, newest.id, at=clock())
    assert await sign_ins.end(FREYA, newest.id, at=clock())
    assert await sign_ins.end(FREYA, newest.id, at=clock())
    assert not await sign_ins.lives(FREYA, newest.id, at=clock())
    assert await sign_ins.of(FREYA, at=clock()) == others
    assert await sign_ins.end(FREYA, at=clock())
    assert await sign_ins.of(FREYA, at=clock()) == []


async def test_who_signs_out_cannot_renew(pool: Pool, clock: ToldTime) -> None:
    tokens = RefreshTokens(pool)
    token = await begun(pool, clock)
    await tokens.revoke(token, at=clock())
    assert await renewed(pool, clock, token) is None


@pytest.mark.parametrize("token", ["", "tsr_", "tsr_AAAA", "tsr_*", "tsr_ö", "tsr_" + "A" * 64])
async def test_what_is_no_token_is_good_for_nothing(
    token: str, pool: Pool, clock: ToldTime
) -> None:
    tokens = RefreshTokens(pool)
    await tokens.revoke(token, at=clock())
    assert await renewed(pool, clock, token) is None
