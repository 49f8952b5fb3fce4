"""Two organizations on one server, and every word by which one could ask for what is the other's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from tests.api.serving import LEAK, Served, Somebody, told
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id

ONES_OWN = 2
"""Incidents of one's own; the other has more, so that its references name nothing here."""
SECRET = {"title": "Crane 9 tips over", "team": "north-yard", "source": "scada"}


class Word(NamedTuple):
    """What is the other's, and its twin, which looks alike and is nobody's."""

    theirs: str
    nobodys: str


@dataclass(frozen=True, slots=True)
class Two:
    owner: Somebody
    """Of one's own organization."""
    theirs: Somebody
    """The owner of the other."""
    own: tuple[str, ...]
    words: Mapping[str, Word]
    etag: str
    key: str
    """An idempotency key that the other has used."""
    secrets: frozenset[str]
    """What no answer to the other may hold, unless the question held it."""

    async def all_of_theirs(self) -> tuple[str, ...]:
        """Everything that has happened there and who belongs to it: nobody else changes it."""
        asked = ("/v1/events?limit=500", "/v1/members", "/v1/invitations", "/v1/me")
        return tuple([(await self.theirs.get(path)).text for path in asked])


async def two_organizations(served: Served) -> Two:
    """The other has five incidents, a note, a task, a person who is only named and a member."""
    owner, theirs = [await served.somebody(Role.OWNER) for _ in range(2)]
    own = [(await owner.declares())["id"] for _ in range(ONES_OWN)]
    key = "tuesday"
    hidden = told(
        await theirs.post("/v1/incidents", LEAK | SECRET | {"source_key": "gate-4"}, **_key(key))
    )
    rest = [await theirs.declares(**SECRET) for _ in range(4)]
    path = f"/v1/incidents/{hidden['id']}"
    await theirs.post(f"{path}/notes", {"text": "The hook is bent"})
    last = told(await theirs.post(f"{path}/tasks", {"title": "Rope it off"}))
    jonas = told(await theirs.post("/v1/people", {"name": "Jonas Reyes"}))["id"]
    asked = {"email": "inge@yard.example", "name": "Inge Moen", "roles": ["viewer"]}
    invited = told(await theirs.post("/v1/invitations", asked))["id"]
    shown = await theirs.get(f"{path}?min_position={last['position']}")
    cursor = told(await theirs.get("/v1/incidents?limit=2"))["next_cursor"]
    document = told(shown)
    words = {
        "incident": _alike(hidden["id"]),
        "reference": Word(rest[-1]["reference"], "INC-99"),
        "member": _alike(str(theirs.id)),
        "invited": _alike(invited),
        "organization": _alike(str(theirs.tenant)),
        "task": _alike(document["tasks"][0]["id"]),
        "note": _alike(document["notes"][0]["id"]),
        "person": _alike(jonas),
        "cursor": Word(cursor, cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB")),
        "team": Word("north-yard", "south-yard"),
        "source key": Word("gate-4", "gate-7"),
        "title": Word("Crane", "Canoe"),
    }
    texts = {"Crane 9", "north-yard", "Jonas", "Inge", "hook", "Rope", "gate-4", "yard.example"}
    ids = {each["id"] for each in rest} | {str(word.theirs) for word in words.values()} - {"Crane"}
    return Two(
        owner,
        theirs,
        tuple(own),
        words,
        shown.headers["ETag"],
        key,
        frozenset(texts | ids - {words["reference"].theirs}),
    )


def _key(key: str) -> dict[str, str]:
    return {"Idempotency_Key": key}


def _alike(theirs: str) -> Word:
    """Two ids of one shape."""
    assert UUID(theirs)
    return Word(theirs, str(new_id()))
