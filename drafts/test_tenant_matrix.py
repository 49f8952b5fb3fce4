"""No route tells one organization anything of another, in any role, by whatever is asked with.

The cells come from the live OpenAPI document. In each the same is asked twice: with a word that is
the other organization's, and with one that is nobody's. The answers must be the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from api.openapi import PUBLIC
from tests.api.described_routes import Route, routes
from tests.api.serving import Served, Somebody, told
from tests.api.two_organizations import Two, Word, two_organizations
from write_model.kernel.access import Role

pytestmark = pytest.mark.usefixtures("projector")

USUAL = (Role.OWNER, Role.RESPONDER, Role.EXTERNAL_AUDITOR)
"""These are asked in every run: who may most, who works, and who comes from outside."""
ROLES = [
    pytest.param(role, marks=() if role in USUAL else pytest.mark.exhaustive) for role in Role
]
IN_PATHS = ("incident", "reference", "member", "invited", "organization")
IN_QUERIES = ("incident", "member", "cursor", "team", "source key", "title")
IN_BODIES = ("incident", "member")
OF_THE_RECORD = {"task", "note"}
"""They stand in an address behind their record, which may be one's own."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A route, where the word stands, and the word."""

    route: Route
    place: str
    word: Word
    path: str = ""
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return f"{self.route.name} by {self.place} {self.word.theirs}"


@pytest.mark.parametrize("role", ROLES)
async def test_nothing_of_another_organization_is_told(
    served: Served, role: Role, record_property: Callable[[str, object], None]
) -> None:
    two = await two_organizations(served)
    who = await served.somebody(role, tenant=two.owner.tenant)
    found = [r for r in routes(told(await served.http.get("/openapi.json"))) if r.permission]
    before = await two.all_of_theirs()
    cells = [cell for route in found for cell in _cells(route, two)]
    leaks = [f"{cell}: {leak}" for cell in cells if (leak := await _leak(cell, who, two))]
    assert leaks == []
    assert {cell.route.name for cell in cells} == {route.name for route in found}
    assert await two.all_of_theirs() == before
    record_property("figure", f"{len(cells)} cells of {len(found)} routes, {len(leaks)} leaks")


def test_every_route_but_the_public_ones_has_a_permission_and_so_its_cells(
) -> None:
    assert PUBLIC == ""


def _cells(route: Route, two: Two) -> Iterator[Cell]:
    """What needs no record of one's own goes first: references name nothing here until then."""
    yield from _in_the_path(route, two)
    yield from _in_the_query(route, two)
    yield from _in_headers(route, two)
    yield from _in_the_body(route, two)


def _in_the_path(route: Route, two: Two) -> Iterator[Cell]:
    for name in IN_PATHS if route.places else ():
        yield Cell(route, "path", two.words[name], re.sub(r"{\w+}", "*", route.path))
    for name in OF_THE_RECORD.intersection(route.places):
        path = route.path.replace(f"{{{name}}}", "*")
        yield Cell(route, name, two.words[name], re.sub(r"{\w+}", two.own[0], path))


def _in_the_query(route: Route, two: Two) -> Iterator[Cell]:
    path = re.sub(r"{\w+}", two.own[0], route.path)
    for name in route.query:
        for kind in IN_QUERIES:
            yield Cell(route, f"?{name}=", two.words[kind], f"{path}?{name}=*")


def _in_headers(route: Route, two: Two) -> Iterator[Cell]:
    """What the other has seen or sent: with it, his record is as absent as without."""
    path = re.sub(r"{\w+}", "*", route.path)
    given = {"If-None-Match": two.etag, "If-Match": two.etag.partition(".")[0].strip('"')}
    given["If-Match"] = f'"{given["If-Match"]}"'
    for name in given.keys() & route.headers if route.places else ():
        yield Cell(route, name, two.words["incident"], path, headers={name: given[name]})
    if "Idempotency-Key" in route.headers:
        yield Cell(route, "key", Word(two.key, "thursday"), path, headers={"Idempotency-Key": "*"})


def _in_the_body(route: Route, two: Two) -> Iterator[Cell]:
    for text in route.texts or ((),) if route.method == "POST" else ():
        for kind in IN_BODIES:
            body = _with(dict(route.example), str(text or "nothing"), "*")
            yield Cell(route, f"body {text}", two.words[kind], route.path, body)


def _with(body: dict[str, Any], text: str, value: str) -> dict[str, Any]:
    outer, _, inner = text.rpartition(".")
    if outer == "imported":
        return body | {outer: {"row": 1, inner: value}}
    return body | ({outer: body.get(outer, {}) | {inner: value}} if outer else {inner: value})
