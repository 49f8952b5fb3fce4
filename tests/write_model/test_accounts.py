import base64
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from tests.embedded import Database
from tests.identity import HARBOR, INGE, MASTER, QUARRY, QUICK, everything_stored
from write_model.accounts import Accounts, NamedPerson, NewMember
from write_model.kernel.access import SYSTEM, Actor, Role, system_actor
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.credentials import Logins
from write_model.kernel.errors import Conflict, Forbidden, IllegalTransition
from write_model.kernel.messages import IdempotencyKey
from write_model.kernel.passwords import Passwords
from write_model.kernel.settings import Settings
from write_model.membership.commands import ChangeRoles
from write_model.membership.membership import Standing, membership_stream
from write_model.opening import Opened, opened
from write_model.user.user import USER

OWNER = Actor(INGE, HARBOR, frozenset({Role.OWNER}))
FREYA = NewMember("Freya Lind", "freya@harbor.example", frozenset({Role.RESPONDER}))
KEY = IdempotencyKey("freya-1", bytes(32))
BLIND = BlindIndex(MASTER).of(FREYA.email)


@pytest.fixture
async def parts(settings: Settings) -> AsyncGenerator[Opened]:
    async with opened(settings) as parts:
        yield parts


@pytest.fixture
def accounts(parts: Opened) -> Accounts:
    return Accounts(
        parts.write_model,
        Logins(parts.pool),
        Passwords(QUICK),
        parts.keyring,
        parts.master,
        parts.ids,
    )


async def test_who_joins_is_registered_a_member_and_can_sign_in(accounts: Accounts) -> None:
    joined = await accounts.join(FREYA, "oil under the forklift", by=OWNER)
    await accounts.settle(joined)
    membership = await accounts.membership(HARBOR, joined.subject)
    assert (membership.standing, membership.roles) == (Standing.ACTIVE, FREYA.roles)
    user, _ = await accounts.write_model.state(SYSTEM, joined.subject, USER)
    assert user.exists
    login = await accounts.logins.find(BLIND)
    assert login is not None
    assert (login.user, login.is_pending) == (joined.subject, False)
    verdict = await accounts.passwords.verified("oil under the forklift", login.password_hash)
    assert verdict.matches


async def test_what_a_member_was_is_told_of_any_position(accounts: Accounts) -> None:
    joined = await accounts.join(FREYA, "oil under the forklift", by=OWNER)
    stream = membership_stream(HARBOR, joined.subject)
    change = ChangeRoles(roles=frozenset({Role.VIEWER}))
    receipt = await accounts.write_model.handle(stream, change, by=system_actor(HARBOR))
    was = [
        (state.standing, state.roles, version)
        for position in (0, receipt.position - 1, receipt.position)
        for state, version in [await accounts.membership_at(HARBOR, joined.subject, position)]
    ]
    assert was == [
        (Standing.NONE, frozenset(), 0),
        (Standing.ACTIVE, FREYA.roles, 2),
        (Standing.ACTIVE, change.roles, 3),
    ]


async def test_a_member_is_not_added_again(accounts: Accounts) -> None:
    await accounts.settle(await accounts.join(FREYA, "first password", by=OWNER))
    with pytest.raises(IllegalTransition):
        await accounts.join(FREYA, "second password", by=OWNER)


async def test_adding_goes_on_where_a_crash_cut_it_off(accounts: Accounts) -> None:
    lost = await accounts.join(FREYA, "lost with the process", by=OWNER)
    again = await accounts.join(FREYA, "seen by its owner", by=OWNER)
    assert again.subject == lost.subject
    assert again.sets_password
    assert (await accounts.membership_and_version(HARBOR, again.subject))[1] == 2
    with pytest.raises(Conflict):
        await accounts.settle(lost)
    await accounts.settle(again)
    _, version = await accounts.write_model.state(SYSTEM, again.subject, USER)
    assert version == 1


async def test_a_second_organization_adds_the_same_person_with_his_own_password(
    accounts: Accounts,
) -> None:
    first = await accounts.join(FREYA, "his own password", by=OWNER)
    await accounts.settle(first)
    second = await accounts.join(FREYA, "theirs", by=replace(OWNER, tenant=QUARRY))
    await accounts.settle(second)
    assert (second.subject, second.sets_password) == (first.subject, False)
    login = await accounts.logins.find(BLIND)
    assert login is not None
    assert login.password_hash == first.password_hash
    assert login.tenants == (HARBOR, QUARRY)


@pytest.mark.parametrize("role", [Role.RESPONDER, Role.ADMIN])
async def test_who_may_not_add_an_owner_leaves_no_trace_of_trying(
    role: Role, accounts: Accounts
) -> None:
    member = replace(FREYA, roles=frozenset({Role.OWNER}))
    with pytest.raises(Forbidden):
        await accounts.join(member, "password", by=Actor(INGE, HARBOR, frozenset({role})))
    assert await accounts.logins.find(BLIND) is None


PEOPLE = [NamedPerson("Ole Vik", "bpi", "Ole"), NamedPerson("Siri Dahl", "bpi", "Siri")]


async def test_people_of_old_records_get_ids_that_stay_the_same(accounts: Accounts) -> None:
    first = await accounts.list_people(PEOPLE, by=OWNER)
    again = await accounts.list_people(PEOPLE[::-1], by=OWNER)
    assert [one.subject for one in again[::-1]] == [one.subject for one in first]
    assert [one.receipt.created for one in first + again] == [True, True, False, False]


async def test_an_id_is_another_in_another_organization_or_source(accounts: Accounts) -> None:
    (here,) = await accounts.list_people(PEOPLE[:1], by=OWNER)
    (there,) = await accounts.list_people(PEOPLE[:1], by=replace(OWNER, tenant=QUARRY))
    (other,) = await accounts.list_people([replace(PEOPLE[0], source="desk")], by=OWNER)
    assert len({here.subject, there.subject, other.subject}) == 3


async def test_people_without_a_source_key_are_always_new(accounts: Accounts) -> None:
    nameless = [NamedPerson("Ole Vik"), NamedPerson("Ole Vik")]
    listed = await accounts.list_people(nameless, by=OWNER)
    assert len({one.subject for one in listed}) == 2


async def test_with_a_key_people_without_a_source_key_are_named_once(accounts: Accounts) -> None:
    crew = [NamedPerson("Ole Vik"), NamedPerson("Ole Vik"), *PEOPLE, *PEOPLE]
    first = await accounts.list_people(crew, by=OWNER, key=KEY)
    again = await accounts.list_people(crew, by=OWNER, key=KEY)
    assert [one.receipt._replace(replayed=True) for one in first] == [one.receipt for one in again]
    assert [one.subject for one in first] == [one.subject for one in again]
    assert len({one.subject for one in first}) == 4
    other = await accounts.list_people(crew[:1], by=OWNER, key=KEY._replace(key="crew-2"))
    assert other[0].subject not in {one.subject for one in first}


async def test_only_who_imports_names_people(accounts: Accounts) -> None:
    with pytest.raises(Forbidden):
        await accounts.list_people(PEOPLE, by=Actor(INGE, HARBOR, frozenset({Role.VIEWER})))


async def test_names_and_addresses_lie_in_no_table_in_clear(
    accounts: Accounts, database: Database
) -> None:
    await accounts.join(FREYA, "oil under the forklift", by=system_actor(HARBOR))
    await accounts.list_people(PEOPLE, by=OWNER)
    stored = everything_stored(database)
    assert "user.registered" in stored["log.events"]
    for word in ("Freya", "Lind", "harbor.example", "Siri", "Dahl", "oil under"):
        for written in (word, word.encode().hex(), _base64(word)):
            assert [table for table, text in stored.items() if written in text] == []


def _base64(word: str) -> str:

    return base64.b64encode(word.encode()).decode().rstrip("=")
