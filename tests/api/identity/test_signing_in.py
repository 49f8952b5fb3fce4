import time
from itertools import count
from typing import Any

import httpx2
import psycopg
import pytest
from pydantic_core import from_json

from tests.api.identity.guessing import a_hundred, answered_until_stopped
from tests.api.serving import PASSWORD, Served, Somebody, told
from tests.embedded import SUPERUSER, Database
from tests.identity import QUICK
from write_model.accounts import NewMember
from write_model.kernel.access import Role, system_actor

FREYA: dict[str, Any] = {
    "email": "freya@harbor.example",
    "name": "Freya Lind",
    "roles": ["responder"],
}


async def sign_in(
    served: Served, password: str, email: str = "freya@harbor.example", **more: str
) -> httpx2.Response:
    body = {"email": email, "password": password, **more}
    return await served.http.post("/v1/auth/token", json=body)


async def me(served: Served, token: str) -> httpx2.Response:
    return await served.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
async def freya(served: Served, owner: Somebody) -> dict[str, Any]:
    return await served.joins(owner, FREYA)


async def test_a_member_signs_in_and_is_known(served: Served, freya: dict[str, Any]) -> None:
    answer = await sign_in(served, PASSWORD, " Freya@Harbor.Example ")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    tokens = told(answer)
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)
    known = told(await me(served, tokens["access_token"]))
    assert (known["id"], known["name"], known["roles"]) == (
        freya["id"],
        "Freya Lind",
        ["responder"],
    )


async def test_whatever_is_wrong_the_answer_is_the_same(
    served: Served, freya: dict[str, Any]
) -> None:
    answers = [
        await sign_in(served, "another password"),
        await sign_in(served, PASSWORD, "nobody@harbor.example"),
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    told_of = [{**told(answer), "instance": ""} for answer in answers]
    assert told_of[0] == told_of[1]
    assert told_of[0]["detail"] == "E-mail or password is wrong."


async def test_guessing_is_stopped_even_with_the_right_password(
    served: Served, freya: dict[str, Any]
) -> None:
    for _ in range(10):
        assert (await sign_in(served, "a guess")).status_code == 401
    answer = await sign_in(served, PASSWORD)
    assert answer.status_code == 429
    assert told(answer)["code"] == "rate_limited"
    assert 0 < int(answer.headers["retry-after"]) <= 90


async def test_signing_in_gives_the_guesses_back(served: Served, freya: dict[str, Any]) -> None:
    for _ in range(3):
        for _ in range(9):
            assert (await sign_in(served, "a typo")).status_code == 401
        assert (await sign_in(served, PASSWORD)).status_code == 200


async def test_one_address_guesses_at_many_people_only_so_often(served: Served) -> None:
    began_s, numbers = time.monotonic(), count()

    async def guess() -> int:
        return (await sign_in(served, "a guess", f"{next(numbers)}@harbor.example")).status_code

    assert await answered_until_stopped(guess) in a_hundred(began_s)


async def test_a_refresh_token_is_exchanged_once(served: Served, freya: dict[str, Any]) -> None:
    first = told(await sign_in(served, PASSWORD))["refresh_token"]
    second = await served.http.post("/v1/auth/refresh", json={"refresh_token": first})
    assert (await me(served, told(second)["access_token"])).status_code == 200
    stolen = await served.http.post("/v1/auth/refresh", json={"refresh_token": first})
    assert stolen.status_code == 401
    newest = {"refresh_token": told(second)["refresh_token"]}
    assert (await served.http.post("/v1/auth/refresh", json=newest)).status_code == 401


async def test_who_signed_out_stays_out(served: Served, freya: dict[str, Any]) -> None:
    token = {"refresh_token": told(await sign_in(served, PASSWORD))["refresh_token"]}
    assert (await served.http.post("/v1/auth/logout", json=token)).status_code == 204
    assert (await served.http.post("/v1/auth/refresh", json=token)).status_code == 401


async def test_a_suspended_member_cannot_sign_in_or_stay_in(
    served: Served, owner: Somebody, freya: dict[str, Any]
) -> None:
    tokens = told(await sign_in(served, PASSWORD))
    await owner.post(f"/v1/members/{freya['id']}/suspend", {"reason": "On leave"})
    assert (await sign_in(served, PASSWORD)).status_code == 401
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert (await served.http.post("/v1/auth/refresh", json=refresh)).status_code == 401


async def test_who_renews_while_suspended_is_taken_for_no_thief_when_he_comes_again(
    served: Served, owner: Somebody, freya: dict[str, Any], database: Database
) -> None:
    tokens = told(await sign_in(served, PASSWORD))
    refresh = {"refresh_token": tokens["refresh_token"]}
    await owner.post(f"/v1/members/{freya['id']}/suspend", {"reason": "On leave"})
    assert (await served.http.post("/v1/auth/refresh", json=refresh)).status_code == 401
    await owner.post(f"/v1/members/{freya['id']}/reinstate")
    assert (await served.http.post("/v1/auth/refresh", json=refresh)).status_code == 401
    again = told(await sign_in(served, PASSWORD))["access_token"]
    bearer = {"Authorization": f"Bearer {again}"}
    [only] = told(await served.http.get("/v1/auth/sessions", headers=bearer))["items"]
    assert only["current"], "nobody can renew the other one any more, so it is not shown"
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        found = connection.execute(
            "SELECT encode(state, 'escape') FROM log.events WHERE topic = 'user.sign_ins_ended'"
        ).fetchall()
    assert [from_json(state)["reason"] for (state,) in found] == ["ended"]


@pytest.mark.parametrize("sent", ["", "Basic Zm9yazpsaWZ0", "Bearer", "Bearer forklift"])
async def test_without_a_good_token_nobody_is_known(sent: str, served: Served) -> None:
    answer = await served.http.get("/v1/me", headers={"Authorization": sent} if sent else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert from_json(answer.content)["code"] == "unauthenticated"


async def test_an_older_password_hash_is_renewed_at_sign_in(
    served: Served, freya: dict[str, Any]
) -> None:
    identity = served.identity
    blind = identity.blind_index.of(FREYA["email"])
    before = await identity.logins.find(blind)
    assert before is not None
    old = QUICK.hash(PASSWORD)
    await identity.logins.change_password(before.user, old_hash=before.password_hash, new_hash=old)
    assert (await sign_in(served, PASSWORD)).status_code == 200
    after = await identity.logins.find(blind)
    assert after is not None
    assert after.password_hash not in (before.password_hash, old)
    assert (await sign_in(served, PASSWORD)).status_code == 200


async def test_a_first_sign_in_settles_what_a_crash_left_open(
    served: Served, owner: Somebody
) -> None:
    identity = served.identity
    member = NewMember("Inge Moen", "inge@harbor.example", frozenset({Role.VIEWER}))
    await identity.accounts.join(member, PASSWORD, by=system_actor(owner.tenant))
    assert (await sign_in(served, PASSWORD, member.email)).status_code == 200
    login = await identity.logins.find(identity.blind_index.of(member.email))
    assert login is not None
    assert not login.is_pending


async def test_who_was_removed_here_signs_in_where_he_still_is_a_member(
    served: Served, owner: Somebody, freya: dict[str, Any]
) -> None:
    elsewhere = await served.somebody(Role.OWNER)
    assert (await served.joins(elsewhere, FREYA))["id"] == freya["id"]
    await owner.post(f"/v1/members/{freya['id']}/remove")
    tokens = told(await sign_in(served, PASSWORD))
    known = told(await me(served, tokens["access_token"]))
    assert known["organization"] == str(elsewhere.tenant)


async def test_who_is_a_member_of_two_organizations_says_where_he_will_act(
    served: Served, owner: Somebody, freya: dict[str, Any]
) -> None:
    elsewhere, stranger = [await served.somebody(Role.OWNER) for _ in range(2)]
    await served.joins(elsewhere, FREYA)
    for tenant in (owner.tenant, elsewhere.tenant):
        tokens = told(await sign_in(served, PASSWORD, organization=str(tenant)))
        assert told(await me(served, tokens["access_token"]))["organization"] == str(tenant)
    there = await sign_in(served, PASSWORD, organization=str(stranger.tenant))
    assert (there.status_code, told(there)["code"]) == (401, "unauthenticated")
