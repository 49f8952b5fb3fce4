"""What people can rely on when a password was forgotten."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
from psycopg import AsyncConnection
from typer.testing import CliRunner, Result

from api.command_line.app import app
from tests.api.serving import PASSWORD, Served, Somebody, told
from tests.embedded import SUPERUSER, Database, until
from tests.identity import everything_stored, somebody_waits
from write_model.kernel.access import SYSTEM, Role, system_actor
from write_model.kernel.errors import Invalid
from write_model.kernel.settings import Settings
from write_model.organization.commands import FoundOrganization
from write_model.user.user import USER

EMAIL = "freya@harbor.example"
NEW = "sand binds the oil"
FREYA: dict[str, Any] = {"email": EMAIL, "name": "Freya Lind", "roles": ["viewer"]}


@pytest.fixture
async def freya(served: Served, owner: Somebody) -> Somebody:
    added = await served.joins(owner, FREYA)
    token = told(await signs_in(served))["access_token"]
    return Somebody(served.http, UUID(added["id"]), owner.tenant, token)


async def signs_in(served: Served, password: str = PASSWORD) -> httpx2.Response:
    return await served.http.post("/v1/auth/token", json={"email": EMAIL, "password": password})


async def offers(by: Somebody, to: Somebody) -> httpx2.Response:
    return await by.post(f"/v1/members/{to.id}/password-reset")


async def uses(served: Served, token: str, new: str = NEW) -> httpx2.Response:
    body = {"token": token, "new_password": new}
    return await served.http.post("/v1/auth/password-reset", json=body)


async def test_who_was_handed_a_reset_sets_another_password_and_all_sign_ins_end(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    answer = await offers(owner, freya)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert (await freya.get("/v1/me")).status_code == 200
    assert (await uses(served, told(answer)["token"])).status_code == 204
    assert (await freya.get("/v1/me")).status_code == 401
    assert (await signs_in(served)).status_code == 401
    assert (await signs_in(served, NEW)).status_code == 200
    _, version = await served.process.write_model.state(SYSTEM, freya.id, USER)
    assert version == 5, "registered, asked in, offered, changed, all sign-ins ended"


async def test_a_reset_is_used_once_and_the_latest_only(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    older, latest = [told(await offers(owner, freya))["token"] for _ in range(2)]
    assert (await uses(served, older)).status_code == 422
    assert (await uses(served, latest)).status_code == 204
    answer = await uses(served, latest, "another password again")
    assert (answer.status_code, told(answer)["code"]) == (422, "validation")
    assert (await signs_in(served, NEW)).status_code == 200


async def test_of_two_who_use_a_reset_at_once_one_is_refused(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    token = told(await offers(owner, freya))["token"]
    wanted = [f"{NEW} {number}" for number in range(2)]
    answers = await asyncio.gather(*(uses(served, token, new) for new in wanted))
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [204, 422]
    assert (await signs_in(served, wanted[codes.index(204)])).status_code == 200


async def test_a_reset_waits_for_a_change_of_the_password_which_does_not_wait_for_it(
    served: Served, owner: Somebody, freya: Somebody, database: Database
) -> None:
    token, resets = told(await offers(owner, freya))["token"], served.identity.resets
    holder = await resets.holder(token)
    async with await AsyncConnection.connect(database.conninfo(SUPERUSER)) as changing:
        await changing.execute("UPDATE credentials.logins SET updated_at = clock_timestamp()")
        using = asyncio.create_task(resets.use(token, holder, NEW))
        await asyncio.to_thread(until, lambda: somebody_waits(database), "the reset waits")
        await changing.execute("DELETE FROM credentials.passes")
    with pytest.raises(Invalid):
        await using


async def test_who_changes_the_password_needs_no_reset_any_more(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    token = told(await offers(owner, freya))["token"]
    own = {"current_password": PASSWORD, "new_password": "the drip tray is full"}
    assert (await freya.post("/v1/auth/password", own)).status_code == 200
    assert (await uses(served, token)).status_code == 422


async def test_a_reset_s_token_is_kept_nowhere(
    owner: Somebody, freya: Somebody, database: Database
) -> None:
    token = told(await offers(owner, freya))["token"]
    assert not [table for table, rows in everything_stored(database).items() if token in rows]


async def test_only_an_owner_resets_for_an_owner_and_nobody_for_himself(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    admin = await served.somebody(Role.ADMIN, tenant=owner.tenant)
    assert (await offers(admin, freya)).status_code == 201
    for by, to in ((admin, owner), (owner, owner), (freya, admin)):
        assert (await offers(by, to)).status_code == 403


async def test_of_two_organizations_neither_takes_a_person_over(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    before = told(await offers(owner, freya))["token"]
    elsewhere = await served.somebody(Role.OWNER)
    stranger = await offers(elsewhere, freya)
    assert (stranger.status_code, told(stranger)["code"]) == (404, "not_found")
    await served.joins(elsewhere, FREYA)
    for by in (owner, elsewhere):
        answer = await offers(by, freya)
        assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")
    assert (await uses(served, before)).status_code == 422
    await elsewhere.post(f"/v1/members/{freya.id}/remove")
    assert (await offers(owner, freya)).status_code == 201


async def test_the_operator_resets_for_anybody(served: Served, freya: Somebody) -> None:
    elsewhere = await served.somebody(Role.OWNER)
    await served.joins(elsewhere, FREYA)
    offered = await served.identity.resets.offer_by_operator(freya.id, by=system_actor())
    assert (await uses(served, offered.token)).status_code == 204
    assert (await signs_in(served, NEW)).status_code == 200


async def at_the_terminal(settings: Settings, *words: str) -> Result:
    environment = {
        "TALLYSTICK_SOCKET_FOLDER": str(settings.socket_folder),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
    }
    asked = ["reset-password", *words, "--home", str(settings.home)]
    return await asyncio.to_thread(CliRunner().invoke, app, asked, env=environment)


@pytest.mark.usefixtures("freya")
async def test_the_operator_does_it_at_the_terminal(served: Served, settings: Settings) -> None:
    offered = await at_the_terminal(settings, EMAIL)
    assert offered.exit_code == 0, offered.output
    assert (await uses(served, offered.stdout.strip())).status_code == 204
    assert (await signs_in(served, NEW)).status_code == 200
    nobody = await at_the_terminal(settings, "nobody@harbor.example")
    assert (nobody.exit_code, nobody.stderr) == (
        2,
        "Nobody signs in with nobody@harbor.example.\n",
    )


async def test_a_suspended_member_s_reset_is_no_longer_good(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    token = told(await offers(owner, freya))["token"]
    await owner.post(f"/v1/members/{freya.id}/suspend")
    assert (await uses(served, token)).status_code == 422


async def test_guessing_at_tokens_is_stopped(served: Served) -> None:
    tries = [(await uses(served, f"tsp_{number}")).status_code for number in range(130)]
    assert tries.index(429) >= 100
    assert set(tries[: tries.index(429)]) == {422}


async def test_who_is_only_asked_in_elsewhere_is_helped_at_home(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    elsewhere = await served.somebody(Role.OWNER)
    assert (await elsewhere.post("/v1/invitations", FREYA)).status_code == 201
    assert (await offers(elsewhere, freya)).status_code == 409
    offered = await offers(owner, freya)
    assert (await uses(served, told(offered)["token"])).status_code == 204


async def test_an_offer_keeps_the_promises_of_a_command(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    path, key = f"/v1/members/{freya.id}/password-reset", "reset-1"
    stale = await owner.post(path, If_Match='"1"')
    assert (stale.status_code, stale.headers["ETag"]) == (412, '"2"')
    first, again = [await owner.post(path, If_Match='"2"', Idempotency_Key=key) for _ in range(2)]
    assert (again.status_code, told(again)) == (201, told(first))
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    _, version = await served.process.write_model.state(SYSTEM, freya.id, USER)
    assert (await uses(served, told(again)["token"])).status_code == 204
    spent = await owner.post(path, If_Match='"2"', Idempotency_Key=key)
    assert told(spent) == {"token": None, "expires_at": None}
    assert version == 3, "registered, asked in, offered once"


async def test_the_same_key_in_another_organization_is_another(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    elsewhere = await served.somebody(Role.OWNER)
    inge = await served.somebody(Role.VIEWER, tenant=elsewhere.tenant)
    email = (await served.identity.people.emails([owner.id]))[owner.id]
    await served.joins(elsewhere, {"email": email, "name": "Ada Forklift", "roles": ["owner"]})
    token = served.identity.access_tokens.issue(owner.id, elsewhere.tenant)
    owner_there = replace(owner, tenant=elsewhere.tenant, token=token)
    for by, to in ((owner, freya), (owner_there, inge)):
        answer = await by.post(f"/v1/members/{to.id}/password-reset", Idempotency_Key="once")
        assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (201, False)


async def test_an_organization_may_demand_a_key_and_the_version_of_whom_it_helps(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    founding = FoundOrganization(name="Harbor Warehouses")
    await served.process.write_model.handle(owner.tenant, founding, by=system_actor(owner.tenant))
    demanded = {"require_idempotency_key": True, "require_if_match": True}
    windows = {"late_reopen_after": "P7D", "reopen_window": "P30D"}
    await owner.post(f"/v1/organizations/{owner.tenant}/policies", windows | demanded)
    path = f"/v1/members/{freya.id}/password-reset"
    unkeyed, unseen = await owner.post(path), await owner.post(path, Idempotency_Key="reset-1")
    assert [told(each)["code"] for each in (unkeyed, unseen)] == [
        "idempotency_key_required",
        "precondition_required",
    ]
    answer = await owner.post(path, Idempotency_Key="reset-1", If_Match='"2"')
    assert answer.status_code == 201
