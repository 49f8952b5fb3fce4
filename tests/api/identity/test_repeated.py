"""What a key and a version are good for where services get keys and providers are trusted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest

from tests.api.identity.oidc.desk import settings_of
from tests.api.identity.oidc.provider import Provider
from tests.api.serving import Served, Somebody, told
from tests.embedded import SUPERUSER, Database
from write_model.kernel.access import Role, system_actor
from write_model.kernel.clock import wall_clock
from write_model.organization.commands import FoundOrganization

TELEMETRY = {"name": "Forklift telemetry", "scopes": ["incident.report", "people.read"]}
PROVIDER = settings_of(Provider("https://accounts.harbor.example", wall_clock))
ONCE = {"Idempotency-Key": "once"}


@pytest.fixture
async def owner(served: Served) -> Somebody:
    owner = (await served.somebody(Role.OWNER)).proven(served)
    founding, system = FoundOrganization(name="Harbor Warehouses"), system_actor(owner.tenant)
    await served.process.write_model.handle(owner.tenant, founding, by=system)
    return owner


def is_replayed(answer: httpx2.Response) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


async def made(owner: Somebody, path: str, body: Any) -> str:
    answer = await owner.post(path, body)
    assert answer.status_code == 201, answer.text
    return f"{path}/{told(answer)['id']}"


async def listed(owner: Somebody, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = told(await owner.get(path))["items"]
    return items


def kept_client_secrets(database: Database, owner: Somebody) -> int:
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        query = "SELECT count(*) FROM credentials.client_secrets WHERE tenant_id = %s"
        row = connection.execute(query, (owner.tenant,)).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/api-keys", TELEMETRY), ("/v1/identity-providers", PROVIDER)]
)
async def test_what_is_asked_for_twice_with_a_key_is_made_once(
    owner: Somebody, path: str, body: dict[str, Any]
) -> None:
    first, again = [await owner.post(path, body, **ONCE) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert told(first) == told(again)
    assert (is_replayed(first), is_replayed(again)) == (False, True)
    assert first.headers["ETag"] == again.headers["ETag"] == f'"{told(first)["version"]}"'
    assert len(await listed(owner, path)) == 1
    other = await owner.post(path, body | {"name": "Crane"}, **ONCE)
    assert (other.status_code, told(other)["code"]) == (422, "idempotency_key_reused")
    assert len(await listed(owner, path)) == 1


async def test_a_secret_that_was_answered_again_opens(owner: Somebody) -> None:
    await owner.post("/v1/api-keys", TELEMETRY, **ONCE)
    again = told(await owner.post("/v1/api-keys", TELEMETRY, **ONCE))
    service = Somebody(owner.http, UUID(again["id"]), owner.tenant, again["key"])
    assert (await service.get("/v1/me")).status_code == 200
    rotating = f"/v1/api-keys/{again['id']}/rotate"
    first, second = [await owner.post(rotating, **{"Idempotency-Key": "anew"}) for _ in range(2)]
    assert told(first) == told(second)
    assert is_replayed(second)
    assert (await service.get("/v1/me")).status_code == 401
    anew = Somebody(owner.http, service.id, owner.tenant, told(second)["key"])
    assert (await anew.get("/v1/me")).status_code == 200


async def test_two_people_with_one_key_are_not_answered_alike(
    served: Served, owner: Somebody
) -> None:
    admin = (await served.somebody(Role.ADMIN, tenant=owner.tenant)).proven(served)
    one, other = [told(await who.post("/v1/api-keys", TELEMETRY, **ONCE)) for who in (owner, admin)]
    assert one["key"] != other["key"]
    assert one["id"] != other["id"]


async def test_an_api_key_changes_only_on_the_version_that_was_seen(owner: Somebody) -> None:
    path = await made(owner, "/v1/api-keys", TELEMETRY)
    [item] = await listed(owner, "/v1/api-keys")
    assert item["version"] == 1
    rotated = await owner.post(f"{path}/rotate", If_Match='"1"')
    assert (rotated.status_code, rotated.headers["ETag"]) == (201, '"2"')
    for late in (
        await owner.post(f"{path}/rotate", If_Match='"1"'),
        await owner.delete(path, If_Match='"1"'),
    ):
        assert (late.status_code, told(late)["version"]) == (412, 2)
    service = Somebody(owner.http, owner.id, owner.tenant, told(rotated)["key"])
    assert (await service.get("/v1/me")).status_code == 200
    ended = [await owner.delete(path, If_Match='"2"', **ONCE) for _ in range(2)]
    assert [answer.status_code for answer in ended] == [204, 204]
    assert [is_replayed(answer) for answer in ended] == [False, True]
    assert {answer.headers["ETag"] for answer in ended} == {'"3"'}


async def test_a_provider_changes_only_on_the_version_that_was_seen(
    owner: Somebody, database: Database
) -> None:
    path = await made(owner, "/v1/identity-providers", PROVIDER)
    seen = f'"{told(await owner.get("/v1/identity-providers"))["version"]}"'
    changed = [
        await owner.post(path, PROVIDER | {"name": "People"}, If_Match=seen, **ONCE)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in changed] == [200, 200]
    assert [is_replayed(answer) for answer in changed] == [False, True]
    late = [
        await owner.post(path, PROVIDER, If_Match=seen),
        await owner.delete(path, If_Match=seen),
    ]
    assert [answer.status_code for answer in late] == [412, 412]
    assert [each["name"] for each in await listed(owner, "/v1/identity-providers")] == ["People"]
    assert kept_client_secrets(database, owner) == 1, "the one in force"


async def test_a_removed_provider_is_removed_again_with_the_same_key_only(
    owner: Somebody, database: Database
) -> None:
    path = await made(owner, "/v1/identity-providers", PROVIDER)
    changing = await owner.post(path, PROVIDER, **ONCE)
    removing = {"Idempotency-Key": "gone"}
    answers = [await owner.delete(path, **removing) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert is_replayed(answers[1])
    assert (await owner.delete(path)).status_code == 404
    assert (await owner.post(path, PROVIDER)).status_code == 404
    again = await owner.post(path, PROVIDER, **ONCE)
    assert (again.status_code, told(again)) == (200, told(changing)), "as it was answered at first"
    assert kept_client_secrets(database, owner) == 0


@pytest.mark.parametrize(
    ("policy", "refusal"),
    [
        ("require_idempotency_key", (400, "idempotency_key_required")),
        ("require_if_match", (428, "precondition_required")),
    ],
)
async def test_what_an_organization_demands_of_commands_it_demands_here(
    owner: Somebody, policy: str, refusal: tuple[int, str]
) -> None:
    key = await made(owner, "/v1/api-keys", TELEMETRY)
    provider = await made(owner, "/v1/identity-providers", PROVIDER)
    window = {"late_reopen_after": "P7D", "reopen_window": "P30D"}
    await owner.post(f"/v1/organizations/{owner.tenant}/policies", window | {policy: True})
    for answer in (
        await owner.post(f"{key}/rotate"),
        await owner.delete(key),
        await owner.post(provider, PROVIDER),
        await owner.delete(provider),
    ):
        assert (answer.status_code, told(answer)["code"]) == refusal


async def test_what_was_refused_leaves_no_secret(
    served: Served, owner: Somebody, database: Database
) -> None:
    stranger = (await served.somebody(Role.OWNER)).proven(served)
    assert (await stranger.post("/v1/identity-providers", PROVIDER)).status_code == 404
    assert kept_client_secrets(database, stranger) == 0, "it was never founded"
