"""What an administrator can read of refusals and of what became of credentials."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tests.api.serving import PASSWORD, Served, Somebody, serving, told
from tests.embedded import SUPERUSER, Database
from tests.identity import pool_of
from write_model.kernel.access import Role
from write_model.kernel.credentials import Logins
from write_model.kernel.settings import Settings

FREYA = {"email": "freya@harbor.example", "name": "Freya Lind", "roles": ["viewer"]}


@pytest.fixture
async def freya(served: Served, owner: Somebody) -> str:
    added = await served.joins(owner, FREYA)
    return str(added["id"])


async def entries(owner: Somebody, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = told(await owner.get(f"/v1/access-log?{query}"))["items"]
    return items


async def until_noted(owner: Somebody, *outcomes: str) -> list[dict[str, Any]]:
    """The entries once these are among them; the test's own time limit ends the wait."""
    while True:
        found = await entries(owner)
        if {each["outcome"] for each in found} >= set(outcomes):
            return found


async def signs_in(served: Served, password: str = PASSWORD) -> dict[str, Any]:
    body = {"email": FREYA["email"], "password": password}
    return told(await served.http.post("/v1/auth/token", json=body))


async def test_what_became_of_credentials_is_shown_to_the_administrator(
    served: Served, owner: Somebody, freya: str
) -> None:
    await signs_in(served, "a guess at oil")
    tokens = await signs_in(served)
    for path in ("refresh", "refresh", "logout"):
        refresh = {"refresh_token": tokens["refresh_token"]}
        await served.http.post(f"/v1/auth/{path}", json=refresh)
    found = await until_noted(owner, "sign_in_failed", "signed_in", "token_reused")
    about = [each for each in found if each["what"] == "credentials"]
    assert {each["actor"] for each in about} == {freya}
    times = [each["at"] for each in found]
    assert times == sorted(times, reverse=True)


async def test_refusals_are_shown_by_person_and_outcome_page_by_page(
    served: Served, owner: Somebody
) -> None:
    viewer = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    for _ in range(3):
        await viewer.get("/v1/members")
    await owner.get("/v1/members")
    await until_noted(owner, "forbidden", "shown")
    of_him = f"actor={viewer.id}&outcome=forbidden"
    while len(whole := await entries(owner, of_him)) < 3:
        pass
    assert [each["what"] for each in whole] == ["GET /v1/members"] * 3
    first = await owner.get(f"/v1/access-log?{of_him}&limit=2")
    second = await owner.get(first.headers["Link"].partition(">")[0].lstrip("<"))
    assert told(first)["items"] + told(second)["items"] == whole
    assert told(second)["next_cursor"] is None
    other = f"/v1/access-log?limit=2&cursor={told(first)['next_cursor']}"
    assert (await owner.get(other)).status_code == 422
    assert (await viewer.get("/v1/access-log")).status_code == 403
    assert (await owner.get("/v1/access-log?actor=freya")).status_code == 422


async def test_an_organization_sees_nothing_of_others_nor_of_who_has_left(
    served: Served, owner: Somebody, freya: str
) -> None:
    elsewhere = await served.somebody(Role.OWNER)
    await served.joins(elsewhere, FREYA)
    await elsewhere.post(f"/v1/members/{freya}/remove")
    await signs_in(served, "a guess at oil")
    await until_noted(owner, "sign_in_failed")
    assert [each for each in await entries(elsewhere) if each["actor"] == freya] == []


async def test_what_is_not_on_record_yet_when_a_process_ends_is_so_before(
    settings: Settings, database: Database
) -> None:
    async with serving(settings) as served:
        owner = await served.somebody(Role.OWNER)
        await served.joins(owner, FREYA)
        await asyncio.gather(*(signs_in(served, "a guess at oil") for _ in range(5)))
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        query = "SELECT count(*) FROM access.access_log WHERE outcome = 'sign_in_failed'"
        assert connection.execute(query).fetchone() == (5,)


async def test_what_the_database_keeps_from_being_on_record_is_counted(
    served: Served, owner: Somebody, database: Database
) -> None:
    on_record = served.identity.on_record
    async with pool_of(database) as gone:
        pass
    cut_off = replace(on_record, logins=Logins(gone))
    before = cut_off.access_log.dropped
    cut_off.note(owner.id, "sign_in_failed")
    await cut_off.finished()
    assert cut_off.access_log.dropped == before + 1
