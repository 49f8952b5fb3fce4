"""What can be relied on where somebody has to prove once more who he is."""

from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.api.serving import PASSWORD, Served, Somebody, soon, told
from tests.awake import Lasts, must_be_gone_soon
from write_model.kernel.access import Role

EMAIL = "freya@harbor.example"
KEY = {"name": "Forklift telemetry", "scopes": ["incident.report"]}


@pytest.fixture
async def freya(served: Served, owner: Somebody) -> Somebody:
    member = {"email": EMAIL, "name": "Freya Lind", "roles": ["admin"]}
    added = await served.joins(owner, member)
    body = {"email": EMAIL, "password": PASSWORD}
    token = told(await served.http.post("/v1/auth/token", json=body))["access_token"]
    return Somebody(served.http, UUID(added["id"]), owner.tenant, token)


async def proves(who: Somebody, password: str = PASSWORD) -> httpx2.Response:
    return await who.post("/v1/auth/reauthenticate", {"password": password})


def with_token(who: Somebody, answer: dict[str, Any]) -> Somebody:
    return Somebody(who.http, who.id, who.tenant, answer["access_token"])


async def test_who_has_only_signed_in_makes_no_key(freya: Somebody) -> None:
    answer = await freya.post("/v1/api-keys", KEY)
    assert (answer.status_code, told(answer)["code"]) == (403, "reauthentication_required")


async def test_who_has_just_given_his_password_does(freya: Somebody) -> None:
    answer = await proves(freya)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert told(answer)["expires_in"] == 300
    proven = with_token(freya, told(answer))
    assert (await proven.post("/v1/api-keys", KEY)).status_code == 201
    assert (await freya.post("/v1/api-keys", KEY)).status_code == 403, (
        "the older token is as it was"
    )


async def test_a_wrong_password_proves_nothing_and_is_not_tried_for_long(freya: Somebody) -> None:
    answers = [await proves(freya, f"guess {number}") for number in range(12)]
    assert told(answers[0])["errors"][0]["field"] == "password"
    assert [answer.status_code for answer in answers] == [422] * 10 + [429] * 2


async def test_a_proof_ends_with_its_sign_in(freya: Somebody) -> None:
    proven = with_token(freya, told(await proves(freya)))
    assert (await proven.get("/v1/me")).status_code == 200
    assert (await proven.delete("/v1/auth/sessions")).status_code == 204
    assert (await proven.get("/v1/me")).status_code == 401


async def test_a_proof_is_worth_nothing_to_who_has_lost_the_role(
    owner: Somebody, freya: Somebody
) -> None:
    proven = with_token(freya, told(await proves(freya)))
    makes_a_key = partial(proven.post, "/v1/api-keys", KEY)

    async def taken_away() -> Lasts:
        await owner.post(f"/v1/members/{freya.id}/roles", {"roles": [Role.ADMIN]})
        await soon(makes_a_key, 201)
        await owner.post(f"/v1/members/{freya.id}/roles", {"roles": [Role.VIEWER]})
        return still_makes_one

    async def still_makes_one() -> bool:
        status = (await makes_a_key()).status_code
        assert status in (201, 403)
        return status == 201

    await must_be_gone_soon(taken_away)
    answer = await makes_a_key()
    assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")
