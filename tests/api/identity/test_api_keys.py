"""What services can rely on that ask with a key, and what those can who made it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from api.identity.key_bearers import KeyBearers
from tests.api.serving import Served, Somebody, serving, told
from tests.awake import Lasts, must_be_gone_soon
from tests.embedded import Database
from tests.identity import MASTER, ToldTime, everything_stored
from write_model.api_key.api_key import ApiKey, Status
from write_model.kernel.access import Role
from write_model.kernel.api_key_secrets import ApiKeySecrets
from write_model.kernel.errors import Unauthenticated
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings

TELEMETRY = {"name": "Forklift telemetry", "scopes": ["incident.report", "people.read"]}


@pytest.fixture
async def owner(served: Served) -> Somebody:
    return (await served.somebody(Role.OWNER)).proven(served)


async def made(owner: Somebody, **fields: Any) -> tuple[Somebody, dict[str, Any]]:
    answer = await owner.post("/v1/api-keys", TELEMETRY | fields)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store"), answer.text
    key = told(answer)
    return Somebody(owner.http, UUID(key["id"]), owner.tenant, key["key"]), key


async def shown(owner: Somebody) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = told(await owner.get("/v1/api-keys"))["items"]
    return items


@pytest.mark.usefixtures("projector")
async def test_a_service_does_under_its_own_id_what_its_key_was_made_for(owner: Somebody) -> None:
    service, _ = await made(owner)
    leak = await service.declares()
    me = told(await service.get("/v1/me"))
    assert (me["id"], me["organization"]) == (str(service.id), str(owner.tenant))
    assert me["roles"] == ["service"]
    declares = f"type=incident.declared&min_position={leak['position']}"
    [declared] = told(await owner.get(f"/v1/events?{declares}"))["items"]
    assert declared["actor"] == str(service.id)


async def test_and_nothing_else_though_its_role_might(owner: Somebody) -> None:
    service, _ = await made(owner)
    for path in ("/v1/incidents", "/v1/events", "/v1/api-keys", "/v1/members"):
        answer = await service.get(path)
        assert (answer.status_code, told(answer)["code"]) == (403, "forbidden"), path
    assert (await service.post("/v1/api-keys", TELEMETRY)).status_code == 403


async def test_a_key_has_neither_password_nor_sign_ins(owner: Somebody) -> None:
    service, _ = await made(owner)
    own = {"current_password": "x", "new_password": "a long enough password"}
    answers = [
        await service.get("/v1/auth/sessions"),
        await service.delete("/v1/auth/sessions"),
        await service.delete(f"/v1/auth/sessions/{service.id}"),
        await service.post("/v1/auth/password", own),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4


async def test_the_secret_is_shown_once_and_kept_nowhere(
    owner: Somebody, database: Database
) -> None:
    service, key = await made(owner)
    await service.get("/v1/me")
    assert service.token not in (await owner.get("/v1/api-keys")).text
    [item] = await shown(owner)
    assert item["prefix"] == key["prefix"] == service.token[: len(key["prefix"])]
    assert (item["status"], item["created_by"]) == ("active", str(owner.id))
    stored = everything_stored(database)
    assert not [table for table, rows in stored.items() if service.token in rows]


async def test_when_it_was_used_last_is_shown(owner: Somebody) -> None:
    service, _ = await made(owner)
    [item] = await shown(owner)
    assert item["used_at"] is None
    await service.get("/v1/me")
    async with asyncio.timeout(20):
        while (await shown(owner))[0]["used_at"] is None:
            pass


async def test_a_rotated_key_s_older_secret_is_no_longer_good(owner: Somebody) -> None:
    service, _ = await made(owner)
    assert (await service.get("/v1/me")).status_code == 200
    again = told(await owner.post(f"/v1/api-keys/{service.id}/rotate"))
    assert again["id"] == str(service.id)
    assert (await service.get("/v1/me")).status_code == 401
    anew = Somebody(owner.http, service.id, owner.tenant, again["key"])
    assert (await anew.get("/v1/me")).status_code == 200


async def test_a_revoked_key_is_good_for_nothing_and_still_listed(owner: Somebody) -> None:
    service, _ = await made(owner)
    for _ in range(2):
        assert (await owner.delete(f"/v1/api-keys/{service.id}")).status_code == 204
    answer = await service.get("/v1/me")
    assert (answer.status_code, told(answer)["code"]) == (401, "unauthenticated")
    assert [item["status"] for item in await shown(owner)] == ["revoked"]
    refused = await owner.post(f"/v1/api-keys/{service.id}/rotate")
    assert (refused.status_code, told(refused)["code"]) == (409, "illegal_transition")


async def test_another_organization_s_keys_are_not_there(served: Served, owner: Somebody) -> None:
    service, _ = await made(owner)
    stranger = (await served.somebody(Role.OWNER)).proven(served)
    assert await shown(stranger) == []
    for answer in (
        await stranger.post(f"/v1/api-keys/{service.id}/rotate"),
        await stranger.delete(f"/v1/api-keys/{service.id}"),
    ):
        assert (answer.status_code, told(answer)["code"]) == (404, "not_found")
    assert (await service.get("/v1/me")).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["members.manage"]},
        {"name": ""},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2126-01-01T00:00:00Z"},
    ],
    ids=["no scope", "an administrator's", "no name", "past", "far"],
)
async def test_what_no_key_may_be_is_refused(wrong: dict[str, Any], owner: Somebody) -> None:
    answer = await owner.post("/v1/api-keys", TELEMETRY | wrong)
    assert (answer.status_code, told(answer)["code"]) == (422, "validation")


@pytest.mark.parametrize("how", ["rotate", "revoke"])
async def test_other_processes_learn_of_it_within_a_second(
    how: str, served: Served, settings: Settings, owner: Somebody
) -> None:
    async with serving(settings) as other:

        async def taken_away() -> Lasts:
            service, _ = await made(owner)
            there = replace(service, http=other.http)
            assert await there.is_let_in()
            path = f"/v1/api-keys/{service.id}"
            await (owner.post(f"{path}/rotate") if how == "rotate" else owner.delete(path))
            return there.is_let_in

        await must_be_gone_soon(taken_away)


async def test_a_socket_that_was_opened_with_a_key_ends_with_it(
    served: Served, owner: Somebody
) -> None:
    service, _ = await made(owner, scopes=["incident.read", "incident.report"])
    bearer = {"Authorization": f"Bearer {service.token}"}
    address = f"ws://127.0.0.1:{served.port}/v1/stream?topics=incidents"
    async with connect(address, additional_headers=bearer) as socket:
        await service.declares()
        assert "incident.declared" in str(await asyncio.wait_for(socket.recv(), 20))
        await owner.delete(f"/v1/api-keys/{service.id}")
        await owner.declares()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


class Kept:
    """Stands for the log: what a key is now, and how often it was asked for."""

    def __init__(self, clock: ToldTime) -> None:
        self.state = ApiKey(
            Status.ACTIVE, scopes=frozenset(), expires_at=clock() + timedelta(days=1)
        )
        self.asked = 0

    async def __call__(self, tenant: UUID, key: UUID) -> ApiKey:
        self.asked += 1
        return self.state


async def test_a_key_is_looked_up_once_until_the_tail_is_lost_and_ends_in_time(
    served: Served,
) -> None:
    clock = ToldTime()
    secrets = ApiKeySecrets(served.process.pool, MASTER.key("api_keys"))
    secret, key, kept = secrets.make(), new_id(), Kept(clock)
    kept.state = ApiKey(
        Status.ACTIVE, "Telemetry", secret.prefix, frozenset(), kept.state.expires_at
    )
    now, tenant = clock(), new_id()
    until = now + timedelta(days=1)
    await secrets.begin(key, tenant, secret.token, at=now, until=until, at_most=1)
    bearers = KeyBearers(secrets, kept, clock)
    for _ in range(2):
        await bearers.of(secret.token)
    assert kept.asked == 1
    bearers.evict(new_id())
    await bearers.of(secret.token)
    assert kept.asked == 1, "what happened to another key"
    bearers.distrust()
    for _ in range(2):
        await bearers.of(secret.token)
    assert kept.asked == 3
    bearers.trust()
    await bearers.of(secret.token)
    clock.passes(timedelta(days=1))
    with pytest.raises(Unauthenticated):
        await bearers.of(secret.token)
