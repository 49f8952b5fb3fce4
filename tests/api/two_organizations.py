"""Two organizations on one server, and all words by which one could ask for what is the other's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from tests.api.serving import LEAK, Served, Somebody, told
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id

THEIR_INCIDENTS = 600
"""More than one's own will ever be, so that their last reference names nothing here."""
HIDDEN = {"title": "Crane 9 tips over", "team": "north-yard", "source": "scada"}
TEXTS = frozenset({"Crane 9", "north-yard", "Jonas", "Inge", "hook", "Rope", "gate-4", "yard.ex"})


IDS = ("incident", "member", "invitation", "person", "task", "note", "organization")


class Word(NamedTuple):
    """What is the other's, and two that look alike and are nobody's."""

    theirs: str
    nobodys: str
    nor: str


@dataclass(frozen=True, slots=True)
class Two:
    """`owner` and two incidents are one's own; `theirs` is the owner of the other organization.

    `words`: kind -> word. `used_keys`: idempotency keys that the other has sent. `secrets`: what no
    answer may hold unless the question held it.
    """

    owner: Somebody
    own: tuple[str, ...]
    theirs: Somebody
    words: Mapping[str, Word]
    etag: Word
    used_keys: tuple[Word, ...]
    secrets: frozenset[str]
    last: int

    async def all_of_theirs(self) -> tuple[str, ...]:
        """What has happened since and who belongs to it: nobody else changes that."""
        asked = (f"/v1/events?after={self.last}", "/v1/members", "/v1/invitations", "/v1/api-keys")
        return tuple([(await self.theirs.get(path)).text for path in asked])


async def two_organizations(served: Served, *, keys: int) -> Two:
    """The other has incidents, a note, a task, one who is only named, and one who is invited.

    `keys`: how many of its idempotency keys are known.
    """
    owner, theirs = [await served.somebody(Role.OWNER) for _ in range(2)]
    own = [(await owner.declares())["id"] for _ in range(2)]
    hidden = told(await theirs.post("/v1/incidents", LEAK | HIDDEN | {"source_key": "gate-4"}))
    path = f"/v1/incidents/{hidden['id']}"
    await theirs.post(f"{path}/notes", {"text": "The hook is bent"})
    await theirs.post(f"{path}/tasks", {"title": "Rope it off"})
    invited = told(await theirs.post("/v1/invitations", INVITED))["id"]
    jonas = told(await theirs.post("/v1/people", {"name": "Jonas Reyes"}))["id"]
    used_keys = [_alike(f"their-key-{number}", "no-key-{}") for number in range(keys)]
    for key in used_keys:
        await theirs.post("/v1/people", {"name": "Jonas Reyes"}, Idempotency_Key=key.theirs)
    rest = await _many(theirs)
    shown = await theirs.get(f"{path}?min_position={max(each['position'] for each in rest)}")
    words = _words(told(shown), str(theirs.id), invited, jonas, rest[-1]["reference"])
    cursor = told(await theirs.get("/v1/incidents?limit=2"))["next_cursor"]
    words |= {"cursor": Word(cursor, _flipped(cursor, "A"), _flipped(cursor, "B"))}
    words |= {"organization": _id(str(theirs.tenant))}
    etag = shown.headers["ETag"]
    return Two(
        owner,
        tuple(own),
        theirs,
        words,
        Word(etag, '"99"', '"98"'),
        tuple(used_keys),
        TEXTS | {each["id"] for each in rest} | {words[kind].theirs for kind in IDS},
        max(each["position"] for each in rest),
    )


INVITED = {"email": "inge@yard.example", "name": "Inge Moen", "roles": ["viewer"]}


def _words(
    document: Mapping[str, Any], member: str, invited: str, person: str, reference: str
) -> dict[str, Word]:
    tasks, notes = document["tasks"], document["notes"]
    return {
        "incident": _id(str(document["id"])),
        "reference": Word(reference, "INC-9999", "INC-9998"),
        "member": _id(member),
        "invitation": _id(invited),
        "person": _id(person),
        "task": _id(tasks[0]["id"]),
        "note": _id(notes[0]["id"]),
        "team": Word("north-yard", "south-yard", "west-yard"),
        "source key": Word("gate-4", "gate-7", "gate-8"),
        "title": Word("Crane", "Canoe", "Cable"),
    }


async def _many(theirs: Somebody) -> list[dict[str, Any]]:
    """The one with the last reference comes last."""
    made: list[dict[str, Any]] = []
    while len(made) < THEIR_INCIDENTS:
        made += await asyncio.gather(*(theirs.declares(**HIDDEN) for _ in range(50)))
    return sorted(made, key=lambda each: int(each["reference"].removeprefix("INC-")))


def _alike(theirs: str, pattern: str) -> Word:
    return Word(theirs, pattern.format(new_id()), pattern.format(new_id()))


def _id(theirs: str) -> Word:
    return _alike(str(UUID(theirs)), "{}")


def _flipped(cursor: str, letter: str) -> str:
    """Looks like one of ours and is not."""
    middle = len(cursor) // 2
    return cursor[:middle] + (letter if cursor[middle] != letter else "C") + cursor[middle + 1 :]
