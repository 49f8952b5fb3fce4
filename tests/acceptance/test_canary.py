"""A person's name and address stand nowhere in clear, and are shown to who may see them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from websockets.sync.client import connect

from tests.acceptance.searching import (
    Search,
    cache_bytes,
    file_bytes,
    process_bytes,
    table_bytes,
)
from tests.acceptance.stack import PATIENT, Json, Person, Stack, fresh_stack
from write_model.kernel.settings import Settings

Tell = Callable[[str], None]

MEMBER, INJURED, LISTED = "Zoë Quillxandra", "Ødger Vexlingworth", "Pia Brontofeld"
REPORTED = "Émile Krantzwyler"
EMAIL = "Zoe.Quillxandra@Wharfingham.example"
WORDS = ("Quillxandra", "Vexlingworth", "Brontofeld", "Krantzwyler", "Wharfingham")
CONTROL = "Schmierfilmrest"
"""Stands in a title, in clear: a search that does not find it proves nothing."""


@dataclass(slots=True)
class Told:
    """The stack after the story, and what it pushed meanwhile."""

    stack: Stack
    owner: Person
    viewer: Person
    incident: str
    report: str
    member: str
    listed: str
    pushed: list[str] = field(default_factory=list[str])


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with fresh_stack(settings=PATIENT) as stack:
        owner = stack.owner()
        url = f"ws://127.0.0.1:{stack.port}/v1/stream?after=0"
        headers = {"Authorization": f"Bearer {owner.token}"}
        with connect(url, additional_headers=headers, proxy=None) as socket:
            story = _story(stack, owner)
            _slips(story)
            last = stack.last_position(owner)
            story.pushed = [str(socket.recv(timeout=30)) for _ in range(last)]
        yield story


def _story(stack: Stack, owner: Person) -> Told:
    """The forklift leaks oil, and people are in it in every way in which they can be."""
    member = stack.joined(owner, EMAIL, "responder", name=MEMBER)
    added = member.get("/v1/me")
    listed = owner.post("/v1/people", name=LISTED, source="hr", source_key="4711")["id"]
    incident = owner.post(
        "/v1/incidents",
        title=f"The forklift leaks oil: {CONTROL}",
        severity="sev3",
        injured=INJURED,
    )["id"]
    report = owner.post("/v1/incidents/reports", title="Somebody slipped", injured=REPORTED)["id"]
    owner.post(f"/v1/incidents/{incident}/assign", person=listed, team="yard")
    member.post(f"/v1/incidents/{incident}/acknowledge")
    member.post(f"/v1/incidents/{incident}/notes", text="Sand is on its way")
    owner.post(f"/v1/members/{added['id']}/roles", roles=["incident_commander"])
    position = owner.post(f"/v1/incidents/{incident}/assign", person=added["id"])["position"]
    for path in ("", "/history", "/timeline"):
        owner.get(f"/v1/incidents/{incident}{path}?min_position={position}")
    viewer = stack.member(owner, "viewer", name="Vic Onlooker")
    return Told(stack, owner, viewer, incident, report, added["id"], listed)


def _slips(told: Told) -> None:
    """What people do wrong, so that an error's log would hold what they typed."""
    owner, incident = told.owner, f"/v1/incidents/{told.incident}"
    body: Json = {"email": EMAIL, "name": MEMBER, "roles": ["captain"]}
    assert owner.status("POST", "/v1/invitations", **body) == 422
    assert owner.status("POST", "/v1/invitations", **body | {"roles": ["viewer"]}) == 409
    assert owner.status("POST", "/v1/incidents", injured=INJURED, severity="dire") == 422
    assert owner.status("POST", "/v1/people", name=LISTED, nickname=LISTED) == 422
    assert owner.status("POST", f"{incident}/resolve", injured=INJURED) == 422
    assert owner.status("GET", f"/v1/people?ids={LISTED}") == 422
    assert owner.status("GET", f"/v1/incidents?injured={INJURED}") == 422
    assert owner.status("GET", f"/v1/incidents/{LISTED.replace(' ', '%20')}") == 404
    wrong = {"email": EMAIL, "password": "not this one"}
    assert owner.status("POST", "/v1/auth/token", **wrong) == 401
    again = {"title": "Oil", "severity": "sev4", "injured": INJURED}
    for changed in ({}, {"severity": "sev3"}):
        owner.ask("POST", "/v1/incidents", body=again | changed, Idempotency_Key="slip")


def _everywhere(told: Told) -> Iterator[tuple[str, bytes]]:
    with told.stack.connect() as superuser:
        # What is in shared memory only would be missed in the files.
        superuser.execute("CHECKPOINT")
        yield from table_bytes(superuser)
    yield from file_bytes(told.stack.home)
    yield from cache_bytes(Settings(home=told.stack.home).cache_url())
    yield from process_bytes(told.stack.services().values())
    yield from ((f"push {n}", text.encode()) for n, text in enumerate(told.pushed))


def test_a_person_stands_nowhere_in_clear(told: Told, tell: Tell) -> None:
    search = Search(*WORDS, MEMBER, INJURED, LISTED, REPORTED, EMAIL, EMAIL.lower())
    looked = _Counting()
    assert search.of(looked.at(_everywhere(told))) == []
    tell(
        f"{len(WORDS)} words in {search.spellings} spellings: in none of {looked.places} places"
        f" ({looked.size / 1e6:.0f} MB: tables, files, write-ahead log, Valkey, processes,"
        f" {len(told.pushed)} pushes)"
    )


def test_the_search_finds_what_is_there_in_clear(told: Told) -> None:
    found = {each.place for each in Search(CONTROL).of(_everywhere(told))}
    assert "log.events as bytes" in found
    assert "projections.incident_v1 as text" in found
    assert any(place.startswith("postgres/pg_wal/") for place in found)
    assert any(place.startswith("postgres/base/") for place in found)


@pytest.mark.parametrize(
    "spelled",
    [
        b"## Quillxandra ##",
        b"## QUILLXANDRA ##",
        json.dumps({"name": "Quillxandra"}).encode("utf-16"),
        b"Quillxandra".hex().upper().encode(),
        *(b64encode(b"x" * before + b"Quillxandra" + b"yz") for before in range(4)),
        "".join(f"\\u{ord(letter):04X}" for letter in "Quillxandra").encode(),
    ],
)
def test_the_search_knows_the_usual_spellings(spelled: bytes) -> None:
    assert Search("Quillxandra").of([("here", spelled)])


def test_who_may_see_personal_data_is_shown_it(told: Told) -> None:
    shown = told.owner.get(f"/v1/incidents/{told.incident}")
    assert shown["injured"] == INJURED
    assert told.owner.get(f"/v1/incidents/{told.report}")["injured"] == REPORTED
    assert shown["people"][told.member] == MEMBER
    assert told.owner.names({told.listed}) == {told.listed: LISTED}
    members = {each["id"]: each for each in told.owner.get("/v1/members")["items"]}
    assert members[told.member]["email"].lower() == EMAIL.lower()
    history = told.owner.get(f"/v1/incidents/{told.incident}/history")["items"]
    changes = {change["field"]: change["to"] for change in history[0]["changes"]}
    assert changes["injured"] == INJURED


def test_others_are_shown_that_somebody_was_hurt_but_not_who(told: Told) -> None:
    shown = told.viewer.get(f"/v1/incidents/{told.incident}")
    assert list(shown["injured"]) == ["subject"]
    seen = [
        told.viewer.get(f"/v1/incidents/{told.incident}{path}")
        for path in ("", "/history", "/timeline")
    ]
    seen += [told.viewer.get("/v1/incidents"), {"items": list(told.viewer.events())}]
    everything = json.dumps(seen, ensure_ascii=False)
    assert INJURED not in everything
    assert REPORTED not in everything
    assert EMAIL.lower() not in everything.lower()
    assert told.viewer.status("GET", "/v1/members") == 403


@dataclass(slots=True)
class _Counting:
    places: int = 0
    size: int = 0

    def at(self, places: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        for place, data in places:
            self.places, self.size = self.places + 1, self.size + len(data)
            yield place, data
