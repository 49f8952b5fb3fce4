"""What people can rely on when they are asked into an organization."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.api.serving import PASSWORD, Served, Somebody, told
from tests.embedded import Database
from tests.identity import everything_stored
from write_model.kernel.access import Role
from write_model.kernel.errors import Conflict
from write_model.organization.first import first_tenant

EMAIL = "freya@harbor.example"
FREYA: dict[str, Any] = {"email": EMAIL, "name": "Freya Lind", "roles": ["responder"]}


async def invites(by: Somebody, **fields: Any) -> dict[str, Any]:
    answer = await by.post("/v1/invitations", FREYA | fields)
    assert answer.status_code == 201, answer.text
    return told(answer)


async def accepts(
    served: Served, token: str, password: str = PASSWORD, **fields: Any
) -> httpx2.Response:
    body = {"token": token, "password": password, **fields}
    return await served.http.post("/v1/auth/invitation", json=body)


async def signs_in(served: Served, password: str = PASSWORD, email: str = EMAIL) -> httpx2.Response:
    return await served.http.post("/v1/auth/token", json={"email": email, "password": password})


async def standing(owner: Somebody, member: str) -> dict[str, Any]:
    members = told(await owner.get("/v1/members"))["items"]
    [found] = [each for each in members if each["id"] == member]
    shown: dict[str, Any] = found
    return shown


async def test_who_accepts_with_a_name_and_a_password_is_a_member(
    served: Served, owner: Somebody
) -> None:
    invited = await invites(owner)
    assert (await standing(owner, invited["id"]))["status"] == "invited"
    assert (await signs_in(served)).status_code == 401
    accepted = told(await accepts(served, invited["token"], name="Freya L."))
    assert (accepted["id"], accepted["organization"]) == (invited["id"], str(owner.tenant))
    member = await standing(owner, invited["id"])
    assert (member["status"], member["name"], member["roles"]) == (
        "active",
        "Freya L.",
        ["responder"],
    )
    assert (await signs_in(served)).status_code == 200


async def test_an_invitation_is_accepted_once(served: Served, owner: Somebody) -> None:
    token = (await invites(owner))["token"]
    assert (await accepts(served, token)).status_code == 200
    again = await accepts(served, token, "another password again")
    assert (again.status_code, told(again)["code"]) == (422, "validation")
    assert (await signs_in(served)).status_code == 200


async def test_of_two_who_accept_at_once_one_sets_the_password(
    served: Served, owner: Somebody
) -> None:
    invitations, token = served.identity.invitations, (await invites(owner))["token"]
    holder = await invitations.holder(token)
    await invitations.accept(token, holder, PASSWORD, None)
    with pytest.raises(Conflict):
        await invitations.accept(token, holder, "another password again", None)
    assert (await signs_in(served)).status_code == 200


async def test_nobody_is_invited_twice_but_the_token_is_made_anew(
    served: Served, owner: Somebody
) -> None:
    invited = await invites(owner)
    again = await owner.post("/v1/invitations", FREYA)
    assert (again.status_code, told(again)["code"]) == (409, "illegal_transition")
    assert (await owner.post("/v1/members", FREYA)).status_code == 409
    renewed = told(await owner.post(f"/v1/invitations/{invited['id']}/renew"))
    assert (await accepts(served, invited["token"])).status_code == 422
    assert (await accepts(served, renewed["token"])).status_code == 200
    assert (await owner.post(f"/v1/invitations/{invited['id']}/renew")).status_code == 409


async def test_open_invitations_are_shown_until_they_are_accepted_or_withdrawn(
    served: Served, owner: Somebody
) -> None:
    first = await invites(owner)
    second, third = [await invites(owner, email=f"{name}@harbor.example") for name in "ab"]
    [shown, *_] = items = told(await owner.get("/v1/invitations"))["items"]
    assert [each["id"] for each in items] == [first["id"], second["id"], third["id"]]
    assert (shown["email"], shown["roles"], shown["expired"]) == (EMAIL, ["responder"], False)
    await accepts(served, first["token"])
    assert (await owner.delete(f"/v1/invitations/{second['id']}")).status_code == 204
    await owner.post(f"/v1/members/{third['id']}/remove")
    assert told(await owner.get("/v1/invitations"))["items"] == []
    assert (await accepts(served, second["token"])).status_code == 422
    assert (await accepts(served, third["token"])).status_code == 409
    assert (await owner.delete(f"/v1/invitations/{first['id']}")).status_code == 409
    elsewhere = await served.somebody(Role.OWNER)
    for path in (f"/v1/invitations/{first['id']}", f"/v1/invitations/{UUID(int=1)}"):
        assert (await elsewhere.delete(path)).status_code == 404


async def test_who_has_an_account_proves_its_password_which_stays(
    served: Served, owner: Somebody
) -> None:
    elsewhere = await served.somebody(Role.OWNER)
    await elsewhere.post("/v1/members", FREYA | {"password": PASSWORD})
    token = (await invites(owner))["token"]
    guessed = await accepts(served, token, "the inviter's own guess")
    assert (guessed.status_code, told(guessed)["errors"][0]["field"]) == (422, "password")
    assert (await accepts(served, token)).status_code == 200
    assert (await signs_in(served)).status_code == 200


async def test_guessing_at_an_account_s_password_by_an_invitation_is_stopped(
    served: Served, owner: Somebody
) -> None:
    elsewhere = await served.somebody(Role.OWNER)
    await elsewhere.post("/v1/members", FREYA | {"password": PASSWORD})
    token = (await invites(owner))["token"]
    for _ in range(10):
        assert (await accepts(served, token, "a guess at the oil")).status_code == 422
    answer = await accepts(served, token)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert (await signs_in(served)).status_code == 200


async def test_of_an_invitation_neither_token_nor_person_is_kept_in_clear(
    owner: Somebody, database: Database
) -> None:
    invited = await invites(owner)
    stored = everything_stored(database)
    for secret in (invited["token"], EMAIL, "Freya Lind"):
        assert not [table for table, rows in stored.items() if secret in rows]


async def test_only_owners_invite_owners(served: Served, owner: Somebody) -> None:
    admin = await served.somebody(Role.ADMIN, tenant=owner.tenant)
    assert (await admin.post("/v1/invitations", FREYA | {"roles": ["owner"]})).status_code == 403
    invited = await invites(owner, roles=["owner"])
    assert (await admin.post(f"/v1/invitations/{invited['id']}/renew")).status_code == 403
    assert (await admin.delete(f"/v1/invitations/{invited['id']}")).status_code == 403


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_the_operating_organization_founds_another_and_invites_its_owner(
    role: Role, served: Served
) -> None:
    operating = first_tenant(served.identity.accounts.master)
    operator = await served.somebody(role, tenant=operating)
    asked = {"name": "Quarry", "owner": {"email": EMAIL, "name": "Freya Lind"}}
    founded = told(await operator.post("/v1/organizations", asked))
    assert (await accepts(served, founded["token"])).status_code == 200
    token = told(await signs_in(served))["access_token"]
    owner = Somebody(served.http, UUID(founded["id"]), UUID(founded["organization"]), token)
    me = told(await owner.get("/v1/me"))
    assert (me["organization"], me["roles"]) == (founded["organization"], ["owner"])
    windows = {"late_reopen_after": "P7D", "reopen_window": "P30D"}
    path = f"/v1/organizations/{founded['organization']}/policies"
    assert (await owner.post(path, windows)).status_code == 200


async def test_no_other_organization_founds_one(owner: Somebody) -> None:
    asked = {"name": "Quarry", "owner": {"email": EMAIL, "name": "Freya Lind"}}
    answer = await owner.post("/v1/organizations", asked)
    assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")
