"""What people can rely on when they look at their sign-ins and end them."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.api.serving import PASSWORD, Served, Somebody, serving, told
from tests.awake import Lasts, must_be_gone_soon
from tests.embedded import Database
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

EMAIL = "freya@harbor.example"


@pytest.fixture
async def freya(served: Served, owner: Somebody) -> Somebody:
    member = {"email": EMAIL, "name": "Freya Lind", "roles": ["viewer"]}
    added = await served.joins(owner, member)
    return Somebody(served.http, UUID(added["id"]), owner.tenant, (await signs_in(served)).token)


async def signs_in(served: Served) -> Somebody:
    body = {"email": EMAIL, "password": PASSWORD}
    tokens = told(await served.http.post("/v1/auth/token", json=body))
    nobody = UUID(int=0)
    return Somebody(served.http, nobody, nobody, tokens["access_token"])


async def shown(who: Somebody) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = told(await who.get("/v1/auth/sessions"))["items"]
    return items


async def test_sign_ins_are_shown_to_their_owner_with_the_one_that_asks(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    phone = await signs_in(served)
    items = await shown(phone)
    assert [each["current"] for each in items] == [True, False]
    assert {each["organization"] for each in items} == {str(freya.tenant)}
    assert await shown(owner) == []


async def test_sign_ins_come_in_pages_the_newest_first(served: Served, freya: Somebody) -> None:
    phone = [await signs_in(served) for _ in range(4)][-1]
    whole, paged, path = await shown(phone), list[dict[str, Any]](), "/v1/auth/sessions?limit=2"
    while path:
        answer = await phone.get(path)
        paged += told(answer)["items"]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert paged == whole
    assert [each["began_at"] for each in paged] == sorted(
        (each["began_at"] for each in paged), reverse=True
    )
    assert len(paged) == 5
    cursor = told(await phone.get("/v1/auth/sessions?limit=2"))["next_cursor"]
    somebody = await served.somebody(Role.VIEWER, tenant=freya.tenant)
    refused = await somebody.get(f"/v1/auth/sessions?cursor={cursor}")
    assert (refused.status_code, told(refused)["code"]) == (422, "validation")


async def test_an_ended_sign_in_has_no_effect_any_more(served: Served, freya: Somebody) -> None:
    phone = await signs_in(served)
    lost, _ = await shown(phone)
    assert (await freya.proven(served).delete(f"/v1/auth/sessions/{lost['id']}")).status_code == 204
    answer = await phone.get("/v1/me")
    assert (answer.status_code, told(answer)["code"]) == (401, "unauthenticated")
    assert [each["current"] for each in await shown(freya)] == [True]


async def test_all_end_with_the_one_that_asks(served: Served, freya: Somebody) -> None:
    phone = await signs_in(served)
    assert (await freya.proven(served).delete("/v1/auth/sessions")).status_code == 204
    assert [(await who.get("/v1/me")).status_code for who in (freya, phone)] == [401, 401]
    assert len(await shown(await signs_in(served))) == 1


async def test_who_has_only_a_token_ends_no_sign_in_but_its_own(
    served: Served, freya: Somebody
) -> None:
    phone = await signs_in(served)
    other, own = sorted(await shown(phone), key=lambda each: each["current"])
    for path in ("/v1/auth/sessions", f"/v1/auth/sessions/{other['id']}"):
        answer = await phone.delete(path)
        assert (answer.status_code, told(answer)["code"]) == (403, "reauthentication_required")
    assert (await phone.delete(f"/v1/auth/sessions/{own['id']}")).status_code == 204
    assert [(await who.get("/v1/me")).status_code for who in (freya, phone)] == [200, 401]


async def test_nobody_ends_what_is_another_s(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    [hers] = await shown(freya)
    answer = await owner.proven(served).delete(f"/v1/auth/sessions/{hers['id']}")
    assert (answer.status_code, told(answer)["code"]) == (404, "not_found")
    assert (await freya.get("/v1/me")).status_code == 200


async def test_an_administrator_ends_a_member_s_sign_ins_and_leaves_him_in(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    admin = await served.somebody(Role.ADMIN, tenant=owner.tenant)
    phone = await signs_in(served)
    assert (await admin.delete(f"/v1/members/{freya.id}/sessions")).status_code == 204
    assert [(await who.get("/v1/me")).status_code for who in (freya, phone)] == [401, 401]
    assert (await (await signs_in(served)).get("/v1/me")).status_code == 200


async def test_who_ended_a_member_s_sign_ins_is_on_record(
    served: Served, owner: Somebody, freya: Somebody, database: Database
) -> None:
    assert (await owner.delete(f"/v1/members/{freya.id}/sessions")).status_code == 204
    with psycopg.connect(database.conninfo("postgres")) as connection:
        found = connection.execute(
            "SELECT actor_id, encode(state, 'escape') FROM log.events"
            " WHERE originator_id = %s AND topic = 'user.sign_ins_ended'",
            (freya.id,),
        ).fetchall()
    assert [who for who, _ in found] == [owner.id]
    assert "ended_by_administrator" in found[0][1]


async def test_nobody_ends_the_sign_ins_of_whom_he_does_not_administer(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    admin = await served.somebody(Role.ADMIN, tenant=owner.tenant)
    stranger = await served.somebody(Role.OWNER)
    for by, to, status in ((admin, owner, 403), (freya, admin, 403), (stranger, freya, 404)):
        assert (await by.delete(f"/v1/members/{to.id}/sessions")).status_code == status
    assert (await freya.get("/v1/me")).status_code == 200


async def test_a_sign_in_to_another_organization_stays(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    quarry = await served.somebody(Role.OWNER)
    member = {"email": EMAIL, "name": "Freya Lind", "roles": ["viewer"]}
    await served.joins(quarry, member)
    assert (await quarry.delete(f"/v1/members/{freya.id}/sessions")).status_code == 204
    assert (await freya.get("/v1/me")).status_code == 200


@pytest.mark.parametrize("how", ["logout", "reuse"])
async def test_who_signs_out_or_is_robbed_takes_his_access_tokens_along(
    how: str, served: Served, freya: Somebody
) -> None:
    body = {"email": EMAIL, "password": PASSWORD}
    tokens = told(await served.http.post("/v1/auth/token", json=body))
    thief = Somebody(served.http, freya.id, freya.tenant, tokens["access_token"])
    assert (await thief.get("/v1/me")).status_code == 200
    refresh = {"refresh_token": tokens["refresh_token"]}
    for path in {"logout": ["logout"], "reuse": ["refresh", "refresh"]}[how]:
        await served.http.post(f"/v1/auth/{path}", json=refresh)
    assert (await thief.get("/v1/me")).status_code == 401


async def test_another_process_learns_of_it_within_a_second(
    served: Served, settings: Settings, freya: Somebody
) -> None:
    async with serving(settings) as other:

        async def taken_away() -> Lasts:
            there = replace(await signs_in(served), http=other.http)
            assert await there.is_let_in()
            await freya.proven(served).delete("/v1/auth/sessions")
            return there.is_let_in

        await must_be_gone_soon(taken_away)
