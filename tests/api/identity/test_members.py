import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from httpx2 import Response
from uvicorn import Config
from websockets.exceptions import ConnectionClosedError

from api.app import create_app
from api.budgets import Budgets
from api.serve import Server
from tests.api.serving import LEAK, PASSWORD, Served, Somebody, serving, soon, told
from tests.api.test_stream import everything, following, next_message
from tests.awake import awake
from tests.embedded import Database, until
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

FREYA: dict[str, Any] = {
    "email": "freya@harbor.example",
    "name": "Freya Lind",
    "roles": ["responder"],
}
OWNS = "active", ["owner"]


async def test_members_are_shown_with_the_version_that_a_change_is_bound_to(
    served: Served, owner: Somebody
) -> None:
    added = await served.joins(owner, FREYA)
    await owner.post(f"/v1/members/{added['id']}/suspend")
    shown = told(await owner.get("/v1/members"))["items"]
    assert [member["version"] for member in shown] == [2, 3]
    seen = f'"{shown[1]["version"]}"'
    answer = await owner.post(f"/v1/members/{added['id']}/reinstate", If_Match=seen)
    assert answer.status_code == 200


async def test_members_are_shown_by_name_and_address_to_who_manages_them(
    served: Served, owner: Somebody
) -> None:
    await served.joins(owner, FREYA)
    shown = told(await owner.get("/v1/members"))["items"][1]
    assert (shown["name"], shown["email"]) == ("Freya Lind", FREYA["email"])
    responder = await served.somebody(Role.RESPONDER, tenant=owner.tenant)
    assert (await responder.get("/v1/members")).status_code == 403


@pytest.mark.parametrize("verb", ["roles", "suspend", "remove"])
async def test_a_key_makes_a_change_of_a_member_safe_to_send_again(
    verb: str, served: Served, owner: Somebody
) -> None:
    member = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    path, body = f"/v1/members/{member.id}/{verb}", {"roles": ["responder"]}
    content = body if verb == "roles" else {"reason": "On leave"}
    first = await owner.post(path, content, Idempotency_Key="change-1")
    again = await owner.post(path, content, Idempotency_Key="change-1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert told(again) == told(first)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (again.headers["Idempotency-Replayed"], "Idempotency-Replayed" in first.headers) == (
        "true",
        False,
    )
    other = {"roles": ["reporter"]} if verb == "roles" else {"reason": "Another"}
    reused = await owner.post(path, other, Idempotency_Key="change-1")
    assert (reused.status_code, told(reused)["code"]) == (422, "idempotency_key_reused")


async def test_a_key_lets_a_suspended_member_in_once(served: Served, owner: Somebody) -> None:
    member = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    await owner.post(f"/v1/members/{member.id}/suspend")
    path = f"/v1/members/{member.id}/reinstate"
    first = await owner.post(path, Idempotency_Key="back-1")
    await owner.post(f"/v1/members/{member.id}/suspend")
    again = await owner.post(path, Idempotency_Key="back-1")
    assert told(again) == told(first)
    members = told(await owner.get("/v1/members"))["items"]
    assert [each["status"] for each in members] == ["active", "suspended"]


async def test_past_the_budget_nobody_is_asked_in_or_changed(settings: Settings) -> None:
    full = Budgets(commands=0, queries=0)
    app = create_app(settings, budgets=full)
    running = Server(Config(app, lifespan="on", log_config=None), settings)
    async with serving(settings, running) as served:
        owner = await served.somebody(Role.OWNER)
        for answer in (
            await owner.post("/v1/invitations", FREYA),
            await owner.post(f"/v1/members/{owner.id}/suspend"),
            await owner.post("/v1/people", {"name": "Ole Vik"}),
            await owner.get("/v1/members"),
            await owner.get("/v1/me"),
            await owner.get(f"/v1/people?ids={owner.id}"),
        ):
            assert (answer.status_code, told(answer)["code"]) == (503, "overloaded")
            assert answer.headers["Retry-After"] == "1"


async def test_another_organization_sees_none_of_them(served: Served, owner: Somebody) -> None:
    added = await served.joins(owner, FREYA)
    other = await served.somebody(Role.OWNER)
    members = told(await other.get("/v1/members"))["items"]
    assert [member["id"] for member in members] == [str(other.id)]
    assert told(await other.get(f"/v1/people?ids={added['id']}"))["items"] == []
    assert (await other.post(f"/v1/members/{added['id']}/suspend")).status_code == 404


async def test_roles_count_from_the_next_request_on(served: Served, owner: Somebody) -> None:
    viewer = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    assert (await viewer.post("/v1/incidents", LEAK)).status_code == 403
    roles = {"roles": ["responder"]}
    changed = await owner.post(f"/v1/members/{viewer.id}/roles", roles, If_Match='"2"')
    assert changed.status_code == 200
    assert changed.headers["etag"] == '"3"'
    await soon(lambda: viewer.post("/v1/incidents", LEAK), 201)


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
    await soon(lambda: member.get("/v1/me"), 401)
    await owner.post(f"/v1/members/{member.id}/reinstate")
    await soon(lambda: member.get("/v1/me"), 200)
    await owner.post(f"/v1/members/{member.id}/remove")
    await soon(lambda: member.get("/v1/me"), 401)


async def test_the_only_owner_cannot_remove_himself(owner: Somebody) -> None:
    answer = await owner.post(f"/v1/members/{owner.id}/remove")
    assert answer.status_code == 403
    assert told(answer)["code"] == "segregation_of_duties"


@pytest.mark.parametrize("verb", ["roles", "suspend", "remove"])
async def test_of_two_owners_who_put_each_other_out_at_once_one_stays(
    verb: str, served: Served, owner: Somebody
) -> None:
    other = await served.somebody(Role.OWNER, tenant=owner.tenant)
    body = {"roles": ["viewer"]} if verb == "roles" else {}
    both = owner, other
    for each in both:
        assert (await each.get("/v1/me")).status_code == 200
    answers = await asyncio.gather(
        owner.post(f"/v1/members/{other.id}/{verb}", body),
        other.post(f"/v1/members/{owner.id}/{verb}", body),
    )
    codes = [answer.status_code for answer in answers]
    # Who comes when it is done is signed out already.
    assert sorted(codes) in ([200, 403], [200, 401])
    stayed = both[codes.index(200)]
    members = told(await stayed.get("/v1/members"))["items"]
    owners = [each["id"] for each in members if (each["status"], each["roles"]) == OWNS]
    assert owners == [str(stayed.id)]


async def test_who_was_refused_what_is_written_down(
    served: Served, owner: Somebody, database: Database
) -> None:
    viewer = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    assert (await viewer.post("/v1/invitations", FREYA)).status_code == 403
    await served.identity.access_log.flush()

    def written() -> bool:
        with psycopg.connect(database.conninfo("postgres")) as connection:
            query = "SELECT actor_id, permission, outcome FROM access.access_log"
            rows = connection.execute(query).fetchall()
        return rows == [(viewer.id, "members.manage", "forbidden")]

    until(written, "the refusal is written")


async def test_an_external_auditor_reads_until_his_time_is_over(
    served: Served, owner: Somebody
) -> None:
    leak = await owner.declares()
    until = datetime.now(UTC) + timedelta(hours=1)
    kari = {"name": "Kari Dahl", "email": "kari@audit.example", "roles": ["external_auditor"]}
    assert (await owner.post("/v1/invitations", kari)).status_code == 422
    member = await served.joins(owner, {**kari, "until": f"{until}"})
    body = {"email": kari["email"], "password": PASSWORD}
    shown = told(await owner.get(f"/v1/members/{member['id']}"))
    assert datetime.fromisoformat(shown["until"]) == until
    tokens = told(await served.http.post("/v1/auth/token", json=body))
    auditor = replace(owner, id=UUID(member["id"]), token=tokens["access_token"])
    assert (await auditor.get(f"/v1/incidents/{leak['id']}/actions")).status_code == 200
    assert (await auditor.get("/v1/events")).status_code == 200
    assert (await auditor.post("/v1/incidents", LEAK)).status_code == 403
    async with following(served, auditor, "topics=incidents") as socket:
        await owner.declares()
        await next_message(socket)
        async with awake() as passed_s:
            until = datetime.now(UTC) + timedelta(seconds=5)
            sooner = {"roles": kari["roles"], "until": f"{until}"}
            answer = await owner.post(f"/v1/members/{member['id']}/roles", sooner)
            assert answer.status_code == 200, answer.text
            await soon(partial(auditor.get, "/v1/me"), 401)
            assert datetime.now(UTC) >= until
            assert passed_s() < 6
        await owner.declares()
        with pytest.raises(ConnectionClosedError) as closed:
            await everything(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.reason.startswith("signed out or expired")
    renewed = {"refresh_token": tokens["refresh_token"]}
    assert (await served.http.post("/v1/auth/refresh", json=renewed)).status_code == 401
    assert (await served.http.post("/v1/auth/token", json=body)).status_code == 401


async def test_the_roles_of_any_day_are_told(served: Served, owner: Somebody) -> None:
    before = datetime.now(UTC)
    member = (await served.joins(owner, FREYA))["id"]
    path = f"/v1/members/{member}"
    first = told(await owner.get(path))
    assert (first["roles"], first["status"], first["may_act"]) == (["responder"], "active", True)
    await owner.post(f"{path}/roles", {"roles": ["viewer"]})
    await owner.post(f"{path}/remove")
    then = told(await _then(owner, path, first["as_of"]))
    assert then == first
    assert (await _then(owner, path, before.isoformat())).status_code == 404
    present = told(await owner.get(path))
    assert (present["status"], present["roles"], present["may_act"]) == ("removed", [], False)
    assert (await _then(owner, path, "2096-06-30T16:00:00Z")).status_code == 422


async def _then(who: Somebody, path: str, moment: str) -> Response:
    return await who.http.get(path, params={"as_of": moment}, headers=_bearer(who))


def _bearer(who: Somebody) -> dict[str, str]:
    return {"Authorization": f"Bearer {who.token}"}
