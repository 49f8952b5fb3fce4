"""What people can rely on where their organization demands a second factor of everybody."""

from functools import partial

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.api.identity.test_second_factors import enrolled
from tests.api.serving import PASSWORD, Served, Somebody, soon, told
from tests.api.test_stream import everything, following
from tests.awake import Lasts, must_be_gone_soon
from write_model.kernel.access import Role, system_actor
from write_model.organization.commands import FoundOrganization

WINDOWS = {"late_reopen_after": "P7D", "reopen_window": "P30D"}
MISSING = (403, "second_factor_missing")


async def an_owner(served: Served) -> Somebody:
    """Of an organization that was founded."""
    owner = await served.somebody(Role.OWNER)
    founding, system = FoundOrganization(name="Harbor Warehouses"), system_actor(owner.tenant)
    await served.process.write_model.handle(owner.tenant, founding, by=system)
    return owner


@pytest.fixture
async def founded(served: Served) -> Somebody:
    return await an_owner(served)


async def demands(owner: Somebody, *, demanded: bool = True) -> None:
    path = f"/v1/organizations/{owner.tenant}/policies"
    answer = await owner.post(path, WINDOWS | {"require_second_factor": demanded})
    assert answer.status_code == 200, answer.text


async def soon_refused(who: Somebody) -> None:
    await soon(partial(who.get, "/v1/incidents"), 403)


async def test_what_is_demanded_holds_within_a_second(served: Served) -> None:
    async def demanded() -> Lasts:
        owner = await an_owner(served)
        freya = await served.somebody(Role.RESPONDER, tenant=owner.tenant)
        assert await freya.is_let_in("/v1/incidents")
        await demands(owner)
        return partial(_is_not_refused, freya)

    await must_be_gone_soon(demanded)


async def test_until_he_has_one_a_member_may_do_nothing_but_set_it_up(
    served: Served, founded: Somebody
) -> None:
    freya = await served.somebody(Role.RESPONDER, tenant=founded.tenant)
    await demands(founded)
    await soon_refused(freya)
    for answer in (
        await freya.post("/v1/incidents", {"title": "The forklift leaks oil"}),
        await freya.get("/v1/members"),
        await freya.get("/v1/metrics/incidents"),
        await freya.post("/v1/stream/tickets"),
        await freya.post("/v1/graphql", {"query": "{incidents {items {id}}}"}),
    ):
        assert (answer.status_code, told(answer)["code"]) == MISSING
    assert "/v1/auth/totp" in told(answer)["detail"]
    for path in ("/v1/me", "/v1/auth/totp", "/v1/auth/sessions"):
        assert (await freya.get(path)).status_code == 200
    proof = told(await freya.post("/v1/auth/reauthenticate", {"password": PASSWORD}))
    await enrolled(Somebody(freya.http, freya.id, freya.tenant, proof["access_token"]))
    assert (await freya.get("/v1/incidents")).status_code == 200


async def test_who_takes_his_off_may_do_nothing_else_again(served: Served) -> None:
    """Within a second."""

    async def taken_off() -> Lasts:
        owner = await an_owner(served)
        freya = (await served.somebody(Role.RESPONDER, tenant=owner.tenant)).proven(served)
        await enrolled(freya)
        await demands(owner)
        await soon_refused(owner)
        assert (await freya.get("/v1/incidents")).status_code == 200
        assert (await freya.delete("/v1/auth/totp")).status_code == 204
        return partial(_is_not_refused, freya)

    await must_be_gone_soon(taken_off)


async def _is_not_refused(who: Somebody) -> bool:
    return (await who.get("/v1/incidents")).status_code != 403


async def test_a_stream_ends_when_a_second_factor_is_demanded(
    served: Served, founded: Somebody
) -> None:
    freya = await served.somebody(Role.RESPONDER, tenant=founded.tenant)
    async with following(served, freya) as socket:
        await demands(founded)
        with pytest.raises(ConnectionClosedError, match="no longer permitted"):
            await everything(socket)
    with pytest.raises(InvalidStatus) as refusal:
        async with following(served, freya):
            pass
    assert refusal.value.response.status_code == 403


async def test_other_organizations_and_api_keys_go_on(served: Served, founded: Somebody) -> None:
    quarry = await served.somebody(Role.OWNER)
    named = {"name": "Forklift telemetry", "scopes": ["incident.report"]}
    made = told(await founded.proven(served).post("/v1/api-keys", named))
    await demands(founded)
    await soon_refused(founded)
    assert (await quarry.get("/v1/incidents")).status_code == 200
    key = Somebody(founded.http, founded.id, founded.tenant, made["key"])
    seen = {"title": "A puddle", "source": "telemetry", "source_key": "1"}
    assert (await key.post("/v1/incidents/reports", seen)).status_code == 201
