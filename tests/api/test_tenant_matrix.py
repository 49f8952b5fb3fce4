"""No route tells one organization anything of another, in any role, by whatever is asked with.

The cells come from the live OpenAPI document. In each the same is asked twice: with a word that is
the other organization's, and with one that is nobody's. The answers must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx2
import pytest

from tests.api.conforming import Described
from tests.api.described_routes import Route, routes
from tests.api.serving import Served, Somebody, told
from tests.api.two_organizations import Two, Word, two_organizations
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id

pytestmark = pytest.mark.usefixtures("projector")

USUAL = (Role.OWNER, Role.RESPONDER, Role.EXTERNAL_AUDITOR)
"""These are asked in every run: who may most, who works, and who comes from outside."""
ROLES = [pytest.param(role, marks=() if role in USUAL else pytest.mark.exhaustive) for role in Role]
IN_PATHS = ("incident", "reference", "member", "invitation", "person", "organization")
IN_QUERIES = ("incident", "reference", "member", "cursor", "team", "source key", "title")
IN_BODIES = ("reference", "incident", "member")
OF_THE_RECORD = {"task": "task", "note": "note"}
"""They stand in an address behind their record, which may be one's own."""
NOTHING = Word("theirs", "", "")
GRAPHQL = "query ($id: String!) { incident(id: $id) { title } }"
"""One read only: of several it is not said in which order they fail."""
WORD, OWN, FRESH = "(word)", "(own)", "(fresh)"
"""Places in a question: for the word, a record of one's own, and one that nobody has touched."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A question, where in it the word stands, and the word."""

    route: Route
    place: str
    word: Word
    path: str
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return f"{self.route.name}, {self.place} {self.word.theirs}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What may be compared: without the word that was asked with."""

    status: int
    headers: frozenset[str]
    members: dict[str, Any]
    text: str


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ROLES)
async def test_nothing_of_another_organization_is_told(
    served: Served,
    role: Role,
    record_property: Callable[[str, object], None],
) -> None:
    document = told(await served.http.get("/openapi.json"))
    found = [r for r in routes(document) if r.permission]
    two = await two_organizations(served, keys=len(found))
    who = (await served.somebody(role, tenant=two.owner.tenant)).proven(served)
    asking = Asking(served, who, two)
    before = await two.all_of_theirs()
    cells = sorted(_cells(found, two), key=_needs_a_record)
    served.http.event_hooks = {"response": [Described(document).holds]}
    leaks = [f"{cell}: {leak}" for cell in cells if (leak := await asking.leak(cell))]
    assert leaks == []
    assert await replace(asking, who=two.theirs).leak(_read_of_theirs(cells)), "None would be seen."
    assert {cell.route.name for cell in cells} == {route.name for route in found}
    assert await two.all_of_theirs() == before
    record_property("figure", f"{len(cells)} cells of {len(found)} routes, {len(leaks)} leaks")


def _read_of_theirs(cells: list[Cell]) -> Cell:
    """What the other may do, and is told otherwise than of nobody's."""
    asked = ("GET /v1/incidents/{id}", "path")
    return next(cell for cell in cells if (cell.route.name, cell.place) == asked)


def _needs_a_record(cell: Cell) -> tuple[bool, bool]:
    """Later: the other's last reference must not have become one's own by then."""
    begins = FRESH in cell.path or cell.route.method == "POST"
    return begins, not cell.word.theirs.startswith("INC-")


def _cells(found: list[Route], two: Two) -> Iterator[Cell]:
    for route, key in zip(found, two.used_keys, strict=True):
        yield from _in_the_path(route, two)
        yield from _in_the_query(route, two)
        yield from _in_headers(route, two, key)
        yield from _in_the_body(route, two)
        record = OWN if route.method == "GET" else FRESH
        yield Cell(route, "nothing of", NOTHING, _at(route, record))


def _at(route: Route, record: str) -> str:
    """Its address, with a record of one's own where it stands for one."""
    return re.sub(r"{\w+}", record, route.path.replace("{projection}", "incident"))


def _in_the_path(route: Route, two: Two) -> Iterator[Cell]:
    for name in IN_PATHS if route.places else ():
        yield Cell(route, "path", two.words[name], re.sub(r"{\w+}", WORD, route.path))
    for name in OF_THE_RECORD.keys() & set(route.places):
        path = route.path.replace(f"{{{name}}}", WORD)
        yield Cell(route, name, two.words[name], re.sub(r"{\w+}", OWN, path))


def _in_the_query(route: Route, two: Two) -> Iterator[Cell]:
    for name in route.query:
        for kind in IN_QUERIES:
            yield Cell(route, name, two.words[kind], f"{_at(route, OWN)}?{name}={WORD}")


def _in_headers(route: Route, two: Two, key: Word) -> Iterator[Cell]:
    for name in route.headers & {"If-None-Match", "If-Match"}:
        path = re.sub(r"{\w+}", two.words["incident"].theirs, route.path)
        for each in (path, _at(route, OWN)):
            yield Cell(route, name, two.etag, each, dict(route.example), {name: WORD})
    if "Idempotency-Key" in route.headers:
        headers = {"Idempotency-Key": WORD}
        yield Cell(route, "key", key, _at(route, FRESH), dict(route.example), headers)


def _in_the_body(route: Route, two: Two) -> Iterator[Cell]:
    for text in route.texts:
        for kind in IN_BODIES:
            body = _with(dict(route.example), text)
            yield Cell(route, text, two.words[kind], _at(route, FRESH), body)


def _with(body: dict[str, Any], text: str) -> dict[str, Any]:
    outer, _, inner = text.rpartition(".")
    if text == "query":
        return {text: GRAPHQL, "variables": {"id": WORD}}
    if outer == "imported":
        return body | {outer: {"row": 1, inner: WORD}}
    return body | ({outer: body.get(outer, {}) | {inner: WORD}} if outer else {inner: WORD})


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody asks what the cells say."""

    served: Served
    who: Somebody
    two: Two

    async def leak(self, cell: Cell) -> str:
        """What tells the other's word from nobody's, but for what changes by itself."""
        theirs = await self._asked(cell, cell.word.theirs)
        if told_of := {each for each in self.two.secrets if each in theirs.text}:
            return f"tells of {told_of}"
        if not cell.word.nobodys:
            return ""
        nobodys = await self._asked(cell, cell.word.nobodys)
        if theirs == nobodys:
            return ""
        if (theirs.status, theirs.headers) != (nobodys.status, nobodys.headers):
            return f"{theirs.status} {theirs.text} for {nobodys.status} {nobodys.text}"
        changing = _differing(nobodys, await self._asked(cell, cell.word.nor))
        return "; ".join(sorted(_differing(theirs, nobodys) - changing))

    async def _asked(self, cell: Cell, word: str) -> Answer:
        record = await self._fresh(cell) if FRESH in cell.path else self.two.own[0]
        path = cell.path.replace(FRESH, record).replace(OWN, record).replace(WORD, word)
        headers = {"Authorization": f"Bearer {self.who.token}"}
        headers |= {name: value.replace(WORD, word) for name, value in cell.headers.items()}
        body = _filled(cell.body, word) if cell.route.method == "POST" else None
        # How often he guesses at his own password is counted; each of these is to be the first.
        await self.served.identity.guesses.right(self.who.id.bytes)
        answer = await self.who.http.request(cell.route.method, path, json=body, headers=headers)
        return _comparable(answer, word)

    async def _fresh(self, cell: Cell) -> str:
        if "/incidents/" in cell.path:
            return str((await self.two.owner.declares())["id"])
        if "/members/" in cell.path:
            return str((await self.served.somebody(Role.VIEWER, tenant=self.who.tenant)).id)
        return str(self.who.tenant if "/organizations/" in cell.path else new_id())


def _differing(one: Answer, other: Answer) -> set[str]:
    names = one.members.keys() | other.members.keys()
    return {name for name in names if one.members.get(name) != other.members.get(name)}


def _filled(body: dict[str, Any], word: str) -> dict[str, Any]:
    """With the word in its place, and for a person who has not been asked in before."""
    own: dict[str, Any] = {}
    own |= {name: body[name].replace(WORD, word) for name in body if isinstance(body[name], str)}
    own |= {name: _filled(body[name], word) for name in body if isinstance(body[name], dict)}
    return body | own | ({"email": f"{new_id()}@example.com"} if _asks_in(body) else {})


def _asks_in(body: dict[str, Any]) -> bool:
    return bool(body.get("email", WORD) != WORD)


def _comparable(answer: httpx2.Response, word: str) -> Answer:
    text = answer.text.replace(word, WORD) if word else answer.text
    members = dict(_members(httpx2.Response(200, text=text).json() if text else None))
    return Answer(answer.status_code, frozenset(answer.headers), members, text)


def _members(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path -> what stands there, for every leaf of a JSON value."""
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _members(inner, f"{path}.{name}")
    elif isinstance(value, list):
        yield path, len(cast("Sized", value))
        for number, inner in enumerate(cast("Iterable[Any]", value)):
            yield from _members(inner, f"{path}[{number}]")
    else:
        yield path, value
