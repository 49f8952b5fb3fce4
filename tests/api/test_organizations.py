"""What an organization decides for itself binds its next command, in every process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from tests.api.serving import Served, Somebody, serving, told
from tests.awake import Lasts, must_be_gone_soon
from write_model.kernel.access import Role, system_actor
from write_model.kernel.settings import Settings
from write_model.organization.commands import FoundOrganization

NEVER_REOPENED = {"late_reopen_after": "PT0S", "reopen_window": "PT0S"}
REOPENED_FOR_DAYS = {"late_reopen_after": "P7D", "reopen_window": "P30D"}


@pytest.fixture
async def owner(served: Served) -> Somebody:
    """Of an organization that was founded."""
    owner = await served.somebody(Role.OWNER)
    founding = FoundOrganization(name="Harbor Warehouses")
    await served.process.write_model.handle(owner.tenant, founding, by=system_actor(owner.tenant))
    return owner


def policies_of(tenant: UUID) -> str:
    return f"/v1/organizations/{tenant}/policies"


async def resolved(owner: Somebody) -> str:
    """The address of an incident that is over."""
    address = f"/v1/incidents/{(await owner.declares())['id']}"
    answer = await owner.post(f"{address}/resolve", {"resolution": "The seal was replaced."})
    assert answer.status_code == 200
    return address


async def may_reopen(somebody: Somebody, address: str) -> bool:
    return "reopen" in told(await somebody.get(f"{address}/actions"))["actions"]


async def test_the_next_command_obeys_the_policies(owner: Somebody) -> None:
    incident = await resolved(owner)
    assert await may_reopen(owner, incident)
    answer = await owner.post(policies_of(owner.tenant), NEVER_REOPENED)
    assert (answer.status_code, told(answer)["version"]) == (200, 2)
    assert not await may_reopen(owner, incident)
    refused = await owner.post(f"{incident}/reopen", {"reason": "It drips again."})
    assert (refused.status_code, told(refused)["code"]) == (409, "illegal_transition")


async def test_every_other_process_obeys_them_soon(owner: Somebody, settings: Settings) -> None:
    """Within a second."""
    incident = await resolved(owner)
    async with serving(settings) as other:
        elsewhere = replace(owner, http=other.http)

        async def taken_away() -> Lasts:
            await owner.post(policies_of(owner.tenant), REOPENED_FOR_DAYS)
            async with asyncio.timeout(20):
                while not await may_reopen(elsewhere, incident):
                    pass
            await owner.post(policies_of(owner.tenant), NEVER_REOPENED)
            return partial(may_reopen, elsewhere, incident)

        await must_be_gone_soon(taken_away)
        refused = await elsewhere.post(f"{incident}/reopen", {"reason": "It drips again."})
    assert (refused.status_code, told(refused)["code"]) == (409, "illegal_transition")


async def test_only_who_administers_the_organization_sets_them(
    served: Served, owner: Somebody
) -> None:
    commander = await served.somebody(Role.INCIDENT_COMMANDER, tenant=owner.tenant)
    refused = await commander.post(policies_of(owner.tenant), NEVER_REOPENED)
    assert (refused.status_code, told(refused)["code"]) == (403, "forbidden")
    stranger = await served.somebody(Role.OWNER)
    unknown = await stranger.post(policies_of(owner.tenant), NEVER_REOPENED)
    assert (unknown.status_code, told(unknown)["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"late_reopen_after": "P9D"}, "reopen_window"),
        ({"reopen_window": "next week"}, "reopen_window"),
        ({"late_reopen_after": "-P1D"}, "late_reopen_after"),
    ],
)
async def test_what_is_wrong_with_policies_is_told(
    owner: Somebody, wrong: Mapping[str, Any], field: str
) -> None:
    answer = await owner.post(policies_of(owner.tenant), {**NEVER_REOPENED, **wrong})
    assert answer.status_code == 422
    assert [error["field"] for error in told(answer)["errors"]] == [field]


@pytest.mark.usefixtures("projector")
async def test_what_was_decided_is_told_in_the_feed(owner: Somebody) -> None:
    body = {"late_reopen_after": "P2D", "reopen_window": "P10D"}
    position = told(await owner.post(policies_of(owner.tenant), body))["position"]
    last = told(await owner.get(f"/v1/events?min_position={position}"))["items"][-1]
    assert last["type"] == "organization.policies_set"
    told_of = {each["field"]: each["to"] for each in last["data"]["changes"]}
    demanded = ("require_idempotency_key", "require_if_match", "require_second_factor")
    assert told_of == body | dict.fromkeys(demanded, False)


LEAKS = {"title": "The forklift leaks oil", "severity": "sev3"}
ADA = {"email": "ada@harbor.example", "name": "Ada", "roles": ["viewer"]}
KEYED = {"Idempotency-Key": "leak-1"}


async def demanding(owner: Somebody, **demanded: bool) -> str:
    """The address of an incident in an organization that demands it."""
    incident = f"/v1/incidents/{(await owner.declares())['id']}"
    window = {"late_reopen_after": "P7D", "reopen_window": "P30D"}
    answer = await owner.post(policies_of(owner.tenant), {**window, **demanded})
    assert answer.status_code == 200
    return incident


async def test_an_organization_may_demand_keys_of_commands(owner: Somebody) -> None:
    incident = await demanding(owner, require_idempotency_key=True)
    refusals = [
        await owner.post("/v1/incidents", LEAKS),
        await owner.post(f"{incident}/acknowledge", {}),
        await owner.post("/v1/invitations", ADA),
        await owner.post("/v1/people", {"name": "Siri Dahl"}),
    ]
    told_of = {(answer.status_code, told(answer)["code"]) for answer in refusals}
    assert told_of == {(400, "idempotency_key_required")}
    assert (await owner.post("/v1/incidents", LEAKS, **KEYED)).status_code == 201
    assert (await owner.post(f"{incident}/acknowledge", {}, **KEYED)).status_code == 422
    other = {"Idempotency-Key": "leak-2"}
    assert (await owner.post(f"{incident}/acknowledge", {}, **other)).status_code == 200


async def test_an_organization_may_demand_the_version_that_was_seen(owner: Somebody) -> None:
    incident = await demanding(owner, require_if_match=True)
    for headers in ({}, {"If-Match": "*"}):
        refused = await owner.post(f"{incident}/acknowledge", {}, **headers)
        assert (refused.status_code, told(refused)["code"]) == (428, "precondition_required")
    seen = await owner.post(f"{incident}/acknowledge", {}, **{"If-Match": '"1"'})
    assert seen.status_code == 200
    assert (await owner.post("/v1/incidents", LEAKS)).status_code == 201
