import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from tests.api.serving import LEAK, Served, Somebody, told
from tests.embedded import Database, until
from write_model.kernel.access import Role

FREYA: dict[str, Any] = {
    "email": "freya@harbor.example",
    "name": "Freya Lind",
    "roles": ["responder"],
}


async def test_an_owner_adds_a_member_and_is_told_the_password_once(
    served: Served, owner: Somebody
) -> None:
    added = told(await owner.post("/v1/members", FREYA))
    assert (added["status"], added["roles"]) == ("active", ["responder"])
    assert len(added["password"]) == 24
    body = {"email": FREYA["email"], "password": added["password"]}
    assert (await served.http.post("/v1/auth/token", json=body)).status_code == 200
    members = told(await owner.get("/v1/members"))["items"]
    assert [member["id"] for member in members] == [str(owner.id), added["id"]]
    assert "password" not in members[1]


async def test_members_are_shown_by_name_and_address_to_who_manages_them(
    served: Served, owner: Somebody
) -> None:
    await owner.post("/v1/members", FREYA)
    shown = told(await owner.get("/v1/members"))["items"][1]
    assert (shown["name"], shown["email"]) == ("Freya Lind", FREYA["email"])
    responder = await served.somebody(Role.RESPONDER, tenant=owner.tenant)
    assert (await responder.get("/v1/members")).status_code == 403


async def test_another_organization_sees_none_of_them(served: Served, owner: Somebody) -> None:
    added = told(await owner.post("/v1/members", FREYA))
    other = await served.somebody(Role.OWNER)
    members = told(await other.get("/v1/members"))["items"]
    assert [member["id"] for member in members] == [str(other.id)]
    assert told(await other.get(f"/v1/people?ids={added['id']}"))["items"] == []
    assert (await other.post(f"/v1/members/{added['id']}/suspend")).status_code == 404


async def test_a_member_is_not_added_twice(owner: Somebody) -> None:
    await owner.post("/v1/members", FREYA)
    answer = await owner.post("/v1/members", FREYA)
    assert answer.status_code == 409
    assert told(answer)["code"] == "illegal_transition"


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "freya"},
        {"name": " "},
        {"roles": []},
        {"roles": ["forklift"]},
        {"password": "short"},
        {"salary": 1},
    ],
)
async def test_what_makes_no_member_is_named(wrong: dict[str, Any], owner: Somebody) -> None:
    answer = await owner.post("/v1/members", {**FREYA, **wrong})
    assert answer.status_code == 422
    assert told(answer)["errors"][0]["field"].startswith(next(iter(wrong)))


async def test_roles_count_from_the_next_request_on(served: Served, owner: Somebody) -> None:
    viewer = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    assert (await viewer.post("/v1/incidents", LEAK)).status_code == 403
    roles = {"roles": ["responder"]}
    changed = await owner.post(f"/v1/members/{viewer.id}/roles", roles, If_Match='"2"')
    assert changed.status_code == 200
    assert changed.headers["etag"] == '"3"'
    await _soon(lambda: viewer.post("/v1/incidents", LEAK), 201)


async def test_a_change_bound_to_an_older_version_is_refused(
    served: Served, owner: Somebody
) -> None:
    viewer = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    answer = await owner.post(
        f"/v1/members/{viewer.id}/roles", {"roles": ["responder"]}, If_Match='"1"'
    )
    assert answer.status_code == 412


async def test_a_suspended_member_is_out_and_can_be_let_in_again(
    served: Served, owner: Somebody
) -> None:
    member = await served.somebody(Role.RESPONDER, tenant=owner.tenant)
    assert (await member.get("/v1/me")).status_code == 200
    await owner.post(f"/v1/members/{member.id}/suspend")
    await _soon(lambda: member.get("/v1/me"), 401)
    await owner.post(f"/v1/members/{member.id}/reinstate")
    await _soon(lambda: member.get("/v1/me"), 200)
    await owner.post(f"/v1/members/{member.id}/remove")
    await _soon(lambda: member.get("/v1/me"), 401)


async def test_the_only_owner_cannot_remove_himself(owner: Somebody) -> None:
    answer = await owner.post(f"/v1/members/{owner.id}/remove")
    assert answer.status_code == 403
    assert told(answer)["code"] == "segregation_of_duties"


async def test_who_was_refused_what_is_written_down(
    served: Served, owner: Somebody, database: Database
) -> None:
    viewer = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    assert (await viewer.post("/v1/members", FREYA)).status_code == 403
    await served.identity.access_log.flush()

    def written() -> bool:
        with psycopg.connect(database.conninfo("postgres")) as connection:
            query = "SELECT actor_id, permission, outcome FROM access.access_log"
            rows = connection.execute(query).fetchall()
        return rows == [(viewer.id, "members.manage", "forbidden")]

    until(written, "the refusal is written")


async def _soon(asked: Callable[[], Awaitable[Any]], status: int) -> None:
    """The tail reports within a second that roles have changed."""
    async with asyncio.timeout(5):
        while (await asked()).status_code != status:
            pass
