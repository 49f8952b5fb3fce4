"""What people can rely on when they are asked into an organization."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest

from tests.api.identity.test_on_record import entries, until_noted
from tests.api.serving import PASSWORD, Served, Somebody, told
from tests.embedded import SUPERUSER, Database
from tests.identity import everything_stored, overtaken
from write_model.kernel.access import SYSTEM, Role
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.errors import Conflict, Invalid
from write_model.organization.first import first_tenant
from write_model.user.user import USER

EMAIL = "freya@harbor.example"
FREYA: dict[str, Any] = {"email": EMAIL, "name": "Freya Lind", "roles": ["responder"]}
KEYED = {"Idempotency_Key": "freya-1"}


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


async def test_who_accepts_as_his_token_is_used_up_sets_no_password(
    served: Served, owner: Somebody, database: Database
) -> None:
    invitations, token = served.identity.invitations, (await invites(owner))["token"]
    holder = await invitations.holder(token)
    accepting = invitations.accept(token, holder, PASSWORD, None)
    with pytest.raises(Conflict):
        await overtaken(accepting, database, "DELETE FROM credentials.passes")
    assert (await signs_in(served)).status_code == 401


async def test_a_token_made_anew_while_the_older_one_is_looked_at_is_the_only_good_one(
    served: Served, owner: Somebody
) -> None:
    invitations, invited = served.identity.invitations, await invites(owner)
    holder = await invitations.holder(invited["token"])
    renewed = told(await owner.post(f"/v1/invitations/{invited['id']}/renew"))
    with pytest.raises(Invalid):
        await invitations.accept(invited["token"], holder, PASSWORD, None)
    assert (await accepts(served, renewed["token"])).status_code == 200


async def test_nobody_is_invited_twice_but_the_token_is_made_anew(
    served: Served, owner: Somebody
) -> None:
    invited = await invites(owner)
    again = await owner.post("/v1/invitations", FREYA)
    assert (again.status_code, told(again)["code"]) == (409, "illegal_transition")
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
    await served.joins(elsewhere, FREYA)
    token = (await invites(owner))["token"]
    guessed = await accepts(served, token, "the inviter's own guess")
    assert (guessed.status_code, told(guessed)["errors"][0]["field"]) == (422, "password")
    assert (await accepts(served, token)).status_code == 200
    assert (await signs_in(served)).status_code == 200


async def test_guessing_at_an_account_s_password_by_an_invitation_is_stopped(
    served: Served, owner: Somebody
) -> None:
    elsewhere = await served.somebody(Role.OWNER)
    await served.joins(elsewhere, FREYA)
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


async def test_an_invitation_answers_as_every_command_does(owner: Somebody) -> None:
    answer = await owner.post("/v1/invitations", FREYA)
    invited = told(answer)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert (invited["version"], answer.headers["ETag"]) == (1, '"1"')
    assert answer.headers["X-Position"] == str(invited["position"])


async def test_sent_again_with_its_key_an_invitation_is_the_same(
    served: Served, owner: Somebody
) -> None:
    first, again = [await owner.post("/v1/invitations", FREYA, **KEYED) for _ in range(2)]
    assert (again.status_code, told(again)) == (first.status_code, told(first))
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await owner.post("/v1/invitations", FREYA | {"roles": ["viewer"]}, **KEYED)
    assert (other.status_code, told(other)["code"]) == (422, "idempotency_key_reused")
    assert (await accepts(served, told(again)["token"])).status_code == 200
    spent = told(await owner.post("/v1/invitations", FREYA, **KEYED))
    assert spent == told(first) | {"token": None, "expires_at": None}


async def test_the_same_invitation_sent_twice_at_once_is_answered_the_same(
    served: Served, owner: Somebody
) -> None:
    sent = [owner.post("/v1/invitations", FREYA, **KEYED) for _ in range(4)]
    answers = await asyncio.gather(*sent)
    assert {answer.status_code for answer in answers} == {201}
    assert len({told(answer)["token"] for answer in answers}) == 1
    assert (await accepts(served, told(answers[0])["token"])).status_code == 200


async def test_a_token_that_a_crash_kept_from_being_offered_is_offered_when_sent_again(
    served: Served, owner: Somebody, database: Database
) -> None:
    first = told(await owner.post("/v1/invitations", FREYA, **KEYED))
    with psycopg.connect(database.conninfo(SUPERUSER)) as superuser:
        superuser.execute("DELETE FROM credentials.passes")
    assert (await accepts(served, first["token"])).status_code == 422
    again = told(await owner.post("/v1/invitations", FREYA, **KEYED))
    assert again["token"] == first["token"]
    assert (await accepts(served, again["token"])).status_code == 200


async def test_a_renewal_that_a_crash_kept_from_being_offered_takes_effect_when_sent_again(
    served: Served, owner: Somebody, database: Database
) -> None:
    older = await invites(owner)
    path = f"/v1/invitations/{older['id']}/renew"
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as superuser:
        superuser.execute("CREATE TABLE public.before AS SELECT * FROM credentials.passes")
        first = told(await owner.post(path, **KEYED))
        superuser.execute("DELETE FROM credentials.passes")
        superuser.execute("INSERT INTO credentials.passes SELECT * FROM public.before")
    again = told(await owner.post(path, **KEYED))
    assert again["token"] == first["token"]
    assert (await accepts(served, older["token"])).status_code == 422
    assert (await accepts(served, again["token"])).status_code == 200


async def test_of_two_renewals_at_once_the_one_that_the_log_has_last_is_good(
    served: Served, owner: Somebody
) -> None:
    """Both are on record before either token is kept, and the earlier one comes last."""
    invited = UUID((await invites(owner))["id"])
    passes, now = served.identity.invitations.passes, served.identity.clock()
    offers = partial(passes.offer_in_order, owner.tenant, invited, at=now)
    assert await offers("tsi_the-later", version=3) is not None
    assert await offers("tsi_the-earlier", version=2) is None, "it is told to be no longer good"
    assert (await accepts(served, "tsi_the-earlier")).status_code == 422
    assert (await accepts(served, "tsi_the-later")).status_code == 200


async def test_a_token_whose_time_is_over_is_not_told_again(
    owner: Somebody, database: Database
) -> None:
    first = told(await owner.post("/v1/invitations", FREYA, **KEYED))
    with psycopg.connect(database.conninfo(SUPERUSER)) as superuser:
        superuser.execute("UPDATE credentials.passes SET expires_at = now() - interval '1 s'")
    again = told(await owner.post("/v1/invitations", FREYA, **KEYED))
    assert again == first | {"token": None, "expires_at": None}


async def test_a_renewal_keeps_the_promises_of_a_command(served: Served, owner: Somebody) -> None:
    path = f"/v1/invitations/{(await invites(owner))['id']}"
    first = await owner.post(f"{path}/renew", If_Match='"1"', **KEYED)
    again = await owner.post(f"{path}/renew", If_Match='"1"', **KEYED)
    assert (again.status_code, told(again)) == (201, told(first))
    assert (first.headers["ETag"], again.headers["Idempotency-Replayed"]) == ('"2"', "true")
    assert (await owner.post(f"{path}/renew", If_Match='"1"')).status_code == 412
    await owner.post(f"{path}/renew")
    assert told(await owner.post(f"{path}/renew", If_Match='"1"', **KEYED))["token"] is None
    assert (await accepts(served, told(first)["token"])).status_code == 422


async def test_a_withdrawal_keeps_the_promises_of_a_command(owner: Somebody) -> None:
    path = f"/v1/invitations/{(await invites(owner))['id']}"
    assert (await owner.delete(path, If_Match='"7"')).status_code == 412
    first, again = [await owner.delete(path, If_Match='"1"', **KEYED) for _ in range(2)]
    assert (first.status_code, again.status_code) == (204, 204)
    assert first.headers["ETag"] == again.headers["ETag"] == '"2"'
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_withdrawal_sent_again_late_leaves_the_next_invitation(
    served: Served, owner: Somebody
) -> None:
    path = f"/v1/invitations/{(await invites(owner))['id']}"
    await owner.delete(path, **KEYED)
    token = (await invites(owner))["token"]
    again = await owner.delete(path, **KEYED)
    assert again.headers["Idempotency-Replayed"] == "true"
    # Nor does one whose last step comes late.
    passes, freya = served.identity.invitations.passes, UUID(path.rpartition("/")[2])
    await passes.withdraw(owner.tenant, freya, version=2)
    assert (await accepts(served, token)).status_code == 200


async def test_of_who_is_asked_in_already_nothing_more_is_on_record(
    served: Served, owner: Somebody
) -> None:
    freya = UUID((await invites(owner))["id"])
    assert (await owner.post("/v1/invitations", FREYA)).status_code == 409
    _, version = await served.process.write_model.state(SYSTEM, freya, USER)
    assert version == 2, "registered and asked in"


async def test_a_key_founds_one_organization(served: Served) -> None:
    operating = first_tenant(served.identity.accounts.master)
    operator = await served.somebody(Role.OWNER, tenant=operating)
    asked = {"name": "Quarry", "owner": {"email": EMAIL, "name": "Freya Lind"}}
    first, again = [await operator.post("/v1/organizations", asked, **KEYED) for _ in range(2)]
    assert (again.status_code, told(again)) == (201, told(first))
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await operator.post("/v1/organizations", asked | {"name": "Harbor"}, **KEYED)
    assert (other.status_code, told(other)["code"]) == (422, "idempotency_key_reused")
    assert (await accepts(served, told(again)["token"])).status_code == 200


async def test_an_invitation_that_is_refused_leaves_nobody_behind(
    served: Served, owner: Somebody
) -> None:
    for wrong in ({"roles": ["external_auditor"]}, {"roles": ["owner"], "teams": ["yard"]}):
        assert (await owner.post("/v1/invitations", FREYA | wrong)).status_code == 422
    accounts = served.identity.accounts
    assert await accounts.logins.find(BlindIndex(accounts.master).of(EMAIL)) is None


async def test_a_wrong_password_for_an_invitation_is_on_record_where_he_is_a_member(
    served: Served, owner: Somebody
) -> None:
    elsewhere = await served.somebody(Role.OWNER)
    freya = await served.joins(elsewhere, FREYA)
    await accepts(served, (await invites(owner))["token"], "the inviter's own guess")
    await until_noted(elsewhere, "password_not_confirmed")
    noted = await entries(elsewhere, "outcome=password_not_confirmed")
    assert [each["actor"] for each in noted] == [freya["id"]]


async def test_who_is_asked_in_accepts_wherever_others_have_guessed(
    served: Served, owner: Somebody
) -> None:
    token = (await invites(owner))["token"]
    while (await accepts(served, "tsi_a guess")).status_code != 429:
        pass
    assert (await accepts(served, token)).status_code == 200
