import os
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest
from pydantic_core import from_json, to_json

from api.identity.people import People
from api.identity.rim import Rim
from tests.embedded import Database
from tests.identity import FREYA, HARBOR, INGE, OLE, QUARRY, erase
from write_model.kernel.access import Actor, Role
from write_model.kernel.personal import Clear, Place, seal, travelling
from write_model.kernel.settings import Settings
from write_model.membership.commands import ListPerson
from write_model.membership.membership import membership_stream
from write_model.opening import Opened, opened

OWNER = Actor(INGE, HARBOR, frozenset({Role.OWNER}))
VIEWER = Actor(INGE, HARBOR, frozenset({Role.VIEWER}))


@pytest.fixture
async def parts(settings: Settings) -> AsyncGenerator[Opened]:
    async with opened(settings) as parts:
        yield parts


@pytest.fixture
def people(parts: Opened) -> People:
    return People(parts.pool, parts.keyring)


async def lists(parts: Opened, subject: UUID, name: str) -> UUID:
    stream = membership_stream(HARBOR, subject)
    await parts.write_model.handle(stream, ListPerson(subject=subject, name=name), by=OWNER)
    return stream


async def injured(parts: Opened) -> bytes:
    """A document that travels with a sealed value in it."""
    keys = await parts.keyring.keys_for(HARBOR, [FREYA])
    place = Place(HARBOR, UUID(int=1), UUID(int=2), "injured")
    sealed = seal(Clear(FREYA, "Freya Lind"), keys[FREYA], place, salt=os.urandom(16))
    leak = {"title": "The forklift leaks oil", "injured": travelling(sealed, place)}
    return to_json({"items": [leak, {"title": "Dry", "injured": None}]})


async def test_names_are_added_to_a_document_without_reading_it(
    parts: Opened, people: People
) -> None:
    await lists(parts, FREYA, "Freya Lind")
    rim = Rim(people, parts.keyring)
    assert await rim.with_names(b'{"x": unread}', HARBOR, [FREYA, OLE]) == (
        b'{"x": unread,"people":{"%b":"Freya Lind"}}' % str(FREYA).encode()
    )
    assert from_json(await rim.with_names(b"{}", HARBOR, [])) == {"people": {}}
    assert from_json(await rim.with_names(b"{}", QUARRY, [FREYA])) == {"people": {}}


async def test_a_sealed_value_is_opened_for_who_may_see_it(parts: Opened, people: People) -> None:
    shown = await Rim(people, parts.keyring).open_sealed(await injured(parts), OWNER)
    assert from_json(shown)["items"] == [
        {"title": "The forklift leaks oil", "injured": "Freya Lind"},
        {"title": "Dry", "injured": None},
    ]


async def test_others_see_whom_it_is_about_and_nothing_more(parts: Opened, people: People) -> None:
    shown = await Rim(people, parts.keyring).open_sealed(await injured(parts), VIEWER)
    assert from_json(shown)["items"][0]["injured"] == {"subject": str(FREYA)}


async def test_of_an_erased_person_nothing_opens(
    parts: Opened, people: People, database: Database
) -> None:
    document = await injured(parts)
    erase(database, HARBOR, FREYA)
    parts.keyring.evict(HARBOR, FREYA)
    shown = await Rim(people, parts.keyring).open_sealed(document, OWNER)
    assert from_json(shown)["items"][0]["injured"] == {"subject": str(FREYA), "erased": True}


async def test_an_opened_name_is_remembered_until_something_happens_to_the_person(
    parts: Opened, people: People, database: Database
) -> None:
    stream = await lists(parts, FREYA, "Freya Lind")
    named = {FREYA: "Freya Lind"}
    assert await people.names(HARBOR, [FREYA]) == named
    erase(database, HARBOR, FREYA)
    parts.keyring.evict(HARBOR, FREYA)
    assert await people.names(HARBOR, [FREYA]) == named
    people.evict(stream)
    people.evict(membership_stream(HARBOR, OLE))
    assert await people.names(HARBOR, [FREYA]) == {}


async def test_without_the_tail_no_name_is_believed(
    parts: Opened, people: People, database: Database
) -> None:
    await lists(parts, FREYA, "Freya Lind")
    await people.names(HARBOR, [FREYA])
    erase(database, HARBOR, FREYA)
    parts.keyring.evict(HARBOR, FREYA)
    people.distrust()
    assert await people.names(HARBOR, [FREYA]) == {}
