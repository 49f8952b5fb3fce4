import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from api.identity.actors import Actors
from tests.identity import FREYA, HARBOR, INGE, MASTER, ToldTime
from write_model.kernel.access import Actor, Role
from write_model.kernel.errors import Unauthenticated
from write_model.kernel.tokens import AccessTokens
from write_model.membership.membership import Membership, Standing, membership_stream


@dataclass(frozen=True)
class Happened:
    topic: str
    stream: UUID
    tenant: UUID = HARBOR


class Memberships:
    """Stands for the log: what a membership is now, and how often it was asked for."""

    def __init__(self) -> None:
        self.standing = Standing.ACTIVE
        self.until: datetime | None = None
        self.asked = 0
        self.reading = asyncio.Event()
        self.meanwhile = asyncio.Event()
        self.meanwhile.set()

    async def __call__(self, tenant: UUID, subject: UUID) -> Membership:
        self.asked += 1
        self.reading.set()
        found = Membership(self.standing, subject, None, frozenset({Role.RESPONDER}), self.until)
        await self.meanwhile.wait()
        return found


class SignIns:
    """Stands for the sign-ins kept beside the log: which one has ended."""

    def __init__(self) -> None:
        self.lives = True
        self.asked = 0

    async def __call__(self, subject: UUID, sign_in: UUID) -> bool:
        self.asked += 1
        return self.lives


class Lacking:
    """Stands for policies and second factors: whether one is demanded that he does not have."""

    def __init__(self) -> None:
        self.lacks = False
        self.asked = 0

    async def __call__(self, tenant: UUID, subject: UUID) -> bool:
        self.asked += 1
        return self.lacks


class NoKeys:
    def at_hand(self, token: str) -> Actor | None:
        return None

    async def of(self, token: str) -> Actor:
        raise Unauthenticated(token)


CLOCK = ToldTime()
TOKENS = AccessTokens(MASTER, CLOCK)
SIGN_IN = UUID(int=0x51)
TOKEN = TOKENS.issue(FREYA, HARBOR, sign_in=SIGN_IN)
CHANGED = Happened("membership.suspended", membership_stream(HARBOR, FREYA))


@pytest.fixture
def memberships() -> Memberships:
    return Memberships()


@pytest.fixture
def sign_ins() -> SignIns:
    return SignIns()


@pytest.fixture
def lacking() -> Lacking:
    return Lacking()


@pytest.fixture
def actors(memberships: Memberships, sign_ins: SignIns, lacking: Lacking) -> Actors:
    return Actors(TOKENS, memberships, sign_ins, lacking, NoKeys(), CLOCK)


async def test_roles_are_looked_up_once(actors: Actors, memberships: Memberships) -> None:
    first = await actors.of(TOKEN)
    assert (first.id, first.tenant, first.roles) == (FREYA, HARBOR, frozenset({Role.RESPONDER}))
    assert await actors.of(TOKEN) is first
    assert memberships.asked == 1


async def test_a_second_factor_is_demanded_from_the_moment_that_policies_say_so(
    actors: Actors, lacking: Lacking
) -> None:
    assert not (await actors.of(TOKEN)).lacks_second_factor
    lacking.lacks = True
    actors.evict(Happened("organization.policies_set", INGE, tenant=INGE))
    assert not (await actors.of(TOKEN)).lacks_second_factor
    actors.evict(Happened("organization.policies_set", HARBOR))
    assert (await actors.of(TOKEN)).lacks_second_factor
    assert lacking.asked == 2


async def test_who_lacks_a_second_factor_is_looked_up_until_he_has_it(
    actors: Actors, lacking: Lacking
) -> None:
    lacking.lacks = True
    assert (await actors.of(TOKEN)).lacks_second_factor
    lacking.lacks = False
    assert not (await actors.of(TOKEN)).lacks_second_factor
    assert await actors.of(TOKEN) is await actors.of(TOKEN)


async def test_when_their_time_is_over_they_are_believed_no_longer(
    actors: Actors, memberships: Memberships, monkeypatch: pytest.MonkeyPatch
) -> None:
    memberships.until = CLOCK.now + timedelta(minutes=1)
    assert (await actors.of(TOKEN)).until == memberships.until
    monkeypatch.setattr(CLOCK, "now", memberships.until)
    with pytest.raises(Unauthenticated):
        await actors.of(TOKEN)
    assert memberships.asked == 1
    with pytest.raises(Unauthenticated):
        await actors.member(HARBOR, FREYA)


@pytest.mark.parametrize(
    "happened", [CHANGED, Happened("user.password_changed", FREYA)], ids=lambda it: it.topic
)
async def test_they_are_looked_up_again_when_something_happened_to_the_member(
    happened: Happened, actors: Actors, memberships: Memberships
) -> None:
    await actors.of(TOKEN)
    memberships.standing = Standing.SUSPENDED
    actors.evict(happened)
    with pytest.raises(Unauthenticated):
        await actors.of(TOKEN)


@pytest.mark.parametrize(
    "happened",
    [
        Happened("incident.declared", membership_stream(HARBOR, FREYA)),
        Happened("membership.suspended", membership_stream(HARBOR, INGE)),
        Happened("user.password_changed", INGE),
    ],
    ids=lambda it: it.topic,
)
async def test_what_happened_to_others_changes_nothing(
    happened: Happened, actors: Actors, memberships: Memberships
) -> None:
    await actors.of(TOKEN)
    actors.evict(happened)
    await actors.of(TOKEN)
    assert memberships.asked == 1


async def test_who_asks_all_day_is_looked_up_again_too(
    memberships: Memberships, sign_ins: SignIns, lacking: Lacking
) -> None:
    actors = Actors(TOKENS, memberships, sign_ins, lacking, NoKeys(), CLOCK, remembered=2)
    await actors.of(TOKEN)
    for number in range(3):
        await actors.of(TOKENS.issue(UUID(int=number), HARBOR, sign_in=SIGN_IN))
        await actors.of(TOKEN)
    memberships.standing = Standing.SUSPENDED
    actors.evict(CHANGED)
    with pytest.raises(Unauthenticated):
        await actors.of(TOKEN)


async def test_without_the_tail_roles_are_looked_up_at_every_request(
    actors: Actors, memberships: Memberships
) -> None:
    await actors.of(TOKEN)
    actors.distrust()
    await actors.of(TOKEN)
    await actors.of(TOKEN)
    actors.trust()
    await actors.of(TOKEN)
    await actors.of(TOKEN)
    assert memberships.asked == 4


async def test_roles_that_changed_while_they_were_read_are_not_remembered(
    actors: Actors, memberships: Memberships
) -> None:
    memberships.meanwhile.clear()
    asking = asyncio.create_task(actors.of(TOKEN))
    await memberships.reading.wait()
    actors.evict(CHANGED)
    memberships.meanwhile.set()
    await asking
    await actors.of(TOKEN)
    assert memberships.asked == 2


@pytest.mark.parametrize("standing", [s for s in Standing if s is not Standing.ACTIVE])
async def test_only_an_active_member_acts(
    standing: Standing, actors: Actors, memberships: Memberships
) -> None:
    memberships.standing = standing
    with pytest.raises(Unauthenticated, match="not an active member"):
        await actors.of(TOKEN)


async def test_a_sign_in_is_looked_up_once_until_one_of_the_person_s_ends(
    actors: Actors, sign_ins: SignIns
) -> None:
    for _ in range(2):
        await actors.of(TOKEN)
    assert sign_ins.asked == 1
    actors.evict(Happened("user.sign_ins_ended", INGE))
    await actors.of(TOKEN)
    assert sign_ins.asked == 1
    sign_ins.lives = False
    actors.evict(Happened("user.sign_ins_ended", FREYA))
    with pytest.raises(Unauthenticated, match="has ended"):
        await actors.of(TOKEN)


async def test_without_the_tail_a_sign_in_is_looked_up_at_every_request(
    actors: Actors, sign_ins: SignIns
) -> None:
    await actors.of(TOKEN)
    actors.distrust()
    await actors.of(TOKEN)
    sign_ins.lives = False
    with pytest.raises(Unauthenticated, match="has ended"):
        await actors.of(TOKEN)


async def test_what_is_at_hand_is_the_same_and_nothing_is_asked_for_it(
    actors: Actors, memberships: Memberships
) -> None:
    assert actors.at_hand(TOKEN) is None
    found = await actors.of(TOKEN)
    assert actors.at_hand(TOKEN) is found
    actors.evict(CHANGED)
    assert (actors.at_hand(TOKEN), memberships.asked) == (None, 1)
    with pytest.raises(Unauthenticated):
        actors.at_hand("made up")


async def test_an_ended_sign_in_is_not_at_hand(actors: Actors) -> None:
    await actors.of(TOKEN)
    actors.forget_sign_ins(FREYA)
    assert actors.at_hand(TOKEN) is None


CHANGES: dict[str, Callable[[Actors], None]] = {
    "member": lambda actors: actors.evict(CHANGED),
    "key": lambda actors: actors.evict(Happened("api_key.revoked", FREYA)),
    "sign-ins": lambda actors: actors.forget_sign_ins(FREYA),
    "the tail is lost": lambda actors: actors.distrust(),
    "the tail is back": lambda actors: actors.trust(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whoever_may_have_other_rights_makes_another_revision(actors: Actors, change: str) -> None:
    before = actors.revision
    actors.evict(Happened("incident.declared", FREYA))
    assert actors.revision == before
    CHANGES[change](actors)
    assert actors.revision > before
