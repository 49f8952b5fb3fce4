"""Every answer is as the description says: the whole story of the forklift, held against it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from ipaddress import ip_network
from typing import Any, cast
from uuid import UUID

import pytest
from pyotp.totp import TOTP

from tests.api.conforming import Described
from tests.api.identity.oidc.desk import desk
from tests.api.identity.oidc.provider import provider_on_a_port
from tests.api.serving import LEAK, PASSWORD, Served, Somebody, serving, told
from tests.api.test_dead_letters import pause, until_parked
from tests.api.test_trouble import damaged
from tests.embedded import Database
from write_model.incident.commands import RecordSlaBreach
from write_model.incident.incident import INCIDENT, Incident
from write_model.kernel.access import Role, system_actor
from write_model.kernel.settings import Settings
from write_model.organization.first import first_tenant

pytestmark = pytest.mark.usefixtures("projector")

SEEN = {"title": LEAK["title"], "source": "watch", "source_key": "leak-1", "injured": "Siri Dahl"}
PHOTO = {"object_key": "leak.jpg", "sha256": "0" * 64, "size": 1, "media_type": "image/jpeg"}


@pytest.fixture
async def served(settings: Settings) -> AsyncGenerator[Served]:
    """The server may ask an identity provider on this machine."""
    inside = {"read_wait_s": 4.0, "identity_provider_networks": (ip_network("127.0.0.0/8"),)}
    async with serving(settings.model_copy(update=inside)) as served:
        yield served


NEW = "sand binds the oil"


async def test_every_answer_is_as_described(
    served: Served, owner: Somebody, database: Database
) -> None:
    described = Described(told(await served.http.get("/openapi.json")))
    served.http.event_hooks = {"response": [described.holds]}
    await the_service_is_looked_at(served)
    await people_come_and_go(served, owner)
    await the_leak_is_dealt_with(owner)
    await other_incidents_end_otherwise(owner)
    await old_rows_come_in(served, owner)
    await everything_is_read(served, owner)
    await it_is_rebuilt(owner)
    await some_of_it_is_refused(served, owner)
    await an_event_cannot_be_applied(owner, database)
    assert described.accepted() - described.answered == set()


async def the_service_is_looked_at(served: Served) -> None:
    for path in ("/livez", "/readyz", "/v1"):
        await served.http.get(path)


async def people_come_and_go(served: Served, owner: Somebody) -> None:
    ole = {"name": "Ole Vik", "source": "old desk", "source_key": "Ole"}
    for people in (ole, ole, {"people": [ole, {"name": "Kari"}]}):
        named = told(await owner.post("/v1/people", people))
    ids = ",".join(item["id"] for item in named["items"])
    await owner.get(f"/v1/people?ids={ids}")
    joining = {"email": "grace@example.com", "name": "Grace Hopper", "roles": ["viewer"]}
    joined = await served.joins(owner, joining)
    await she_signs_in(served, {"email": joining["email"], "password": PASSWORD})
    member = joined["id"]
    await owner.post(f"/v1/members/{member}/roles", {"roles": ["responder"]})
    await owner.delete(f"/v1/members/{member}/sessions")
    for verb in ("suspend", "reinstate", "remove"):
        await owner.post(f"/v1/members/{member}/{verb}")
    again = told(await owner.post("/v1/invitations", joining))
    accepting = {"token": again["token"], "password": NEW}
    await served.http.post("/v1/auth/invitation", json=accepting)
    await owner.get("/v1/members")
    await owner.get(f"/v1/members/{member}")
    await owner.get(f"/v1/members/{named['items'][0]['id']}?as_of=2126-02-03T08:15:00Z")
    await owner.get(f"/v1/members/{owner.tenant}")
    await people_are_asked_in(served, owner)
    await she_takes_a_second_factor(served, owner)
    await a_service_gets_a_key(owner.proven(served))
    await they_sign_in_elsewhere(served, owner)
    await owner.post("/v1/api-keys", {"name": "Crane", "scopes": ["incident.report"]})
    await one_forgets_her_password(served, owner, member)
    windows = {"late_reopen_after": "P7D", "reopen_window": "P30D"}
    await owner.post(f"/v1/organizations/{owner.tenant}/policies", windows)
    await owner.get("/v1/me")


async def she_signs_in(served: Served, credentials: dict[str, Any]) -> None:
    signed_in = told(await served.http.post("/v1/auth/token", json=credentials))
    own = {"current_password": credentials["password"], "new_password": NEW}
    bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
    proof = {"password": credentials["password"]}
    await served.http.post("/v1/auth/reauthenticate", json=proof, headers=bearer)
    signed_in = told(await served.http.post("/v1/auth/password", json=own, headers=bearer))
    for path in ("/v1/auth/refresh", "/v1/auth/logout"):
        await served.http.post(path, json={"refresh_token": signed_in["refresh_token"]})
    await she_ends_her_sign_ins(served, {**credentials, "password": NEW})


async def people_are_asked_in(served: Served, owner: Somebody) -> None:
    asked = {"email": "inge@example.com", "name": "Inge Moen", "roles": ["viewer"]}
    invited = told(await owner.post("/v1/invitations", asked))
    await owner.get("/v1/invitations")
    again = told(await owner.post(f"/v1/invitations/{invited['id']}/renew"))
    accepting = {"token": again["token"], "password": PASSWORD}
    await served.http.post("/v1/auth/invitation", json=accepting)
    await served.http.post("/v1/auth/invitation", json=accepting)
    late = told(await owner.post("/v1/invitations", asked | {"email": "ole@example.com"}))
    await owner.delete(f"/v1/invitations/{late['id']}")
    operating = first_tenant(served.identity.accounts.master)
    operator = await served.somebody(Role.OWNER, tenant=operating)
    quarry = {"name": "Quarry", "owner": {"email": "kari@example.com", "name": "Kari Nes"}}
    for who in (operator, owner):
        await who.post("/v1/organizations", quarry)


async def she_takes_a_second_factor(served: Served, owner: Somebody) -> None:
    admin = (await served.somebody(Role.ADMIN, tenant=owner.tenant)).proven(served)
    for who in (owner, admin):
        await who.post("/v1/auth/totp")
    totp = TOTP(told(await admin.post("/v1/auth/totp"))["secret"])
    for code in ("000000", totp.now(), totp.now()):
        await admin.post("/v1/auth/totp/confirm", {"code": code})
    await admin.get("/v1/auth/totp")
    credentials = {"email": f"{admin.id}@example.com", "password": PASSWORD}
    await served.http.post("/v1/auth/token", json=credentials)
    await admin.post("/v1/auth/reauthenticate", {"password": PASSWORD})
    await admin.delete("/v1/auth/totp")
    await owner.proven(served).delete(f"/v1/members/{admin.id}/totp")


async def they_sign_in_elsewhere(served: Served, owner: Somebody) -> None:
    proven = owner.proven(served)
    async with provider_on_a_port(served.identity.clock) as provider:
        harbor = await desk(served, provider, owner)
        path = f"/v1/identity-providers/{harbor.id}"
        await owner.post(path, harbor.settings())
        await proven.post(path, harbor.settings())
        await owner.get("/v1/identity-providers")
        await harbor.is_told_of(owner)
        came = await harbor.comes_back()
        for _ in range(2):
            await harbor.finishes(came)
        came = await harbor.comes_back(owner)
        for _ in range(2):
            await harbor.proves(owner, came)
        for whose in ("/v1/auth", f"/v1/members/{owner.id}"):
            await harbor.signs_in()
            await owner.get("/v1/auth/identity-providers")
            for who in (owner, proven, proven):
                await who.delete(f"{whose}/identity-providers/{harbor.id}")
    for _ in range(2):
        await proven.delete(path)
        await served.http.post(f"/v1/auth/oidc/{harbor.id}/start")


async def a_service_gets_a_key(owner: Somebody) -> None:
    telemetry = {"name": "Forklift telemetry", "scopes": ["incident.report"]}
    made = told(await owner.post("/v1/api-keys", telemetry))
    path = f"/v1/api-keys/{made['id']}"
    for _ in range(2):
        await owner.post(f"{path}/rotate")
        await owner.get("/v1/api-keys")
        await owner.delete(path)
    await owner.post("/v1/api-keys", telemetry | {"expires_at": "2020-01-01T00:00:00Z"})


async def one_forgets_her_password(served: Served, owner: Somebody, member: str) -> None:
    offered = told(await owner.post(f"/v1/members/{member}/password-reset"))
    reset = {"token": offered["token"], "new_password": "sand binds the oil"}
    for _ in range(2):
        await served.http.post("/v1/auth/password-reset", json=reset)


async def she_ends_her_sign_ins(served: Served, credentials: dict[str, Any]) -> None:
    for path in ("/v1/auth/sessions/{id}", "/v1/auth/sessions"):
        signed_in = told(await served.http.post("/v1/auth/token", json=credentials))
        bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
        await served.http.post("/v1/stream/tickets", headers=bearer)
        shown = told(await served.http.get("/v1/auth/sessions", headers=bearer))
        proof = {"password": credentials["password"]}
        proven = told(await served.http.post("/v1/auth/reauthenticate", json=proof, headers=bearer))
        bearer = {"Authorization": f"Bearer {proven['access_token']}"}
        ended = path.replace("{id}", shown["items"][0]["id"])
        await served.http.delete(ended, headers=bearer)


async def the_leak_is_dealt_with(owner: Somebody) -> None:
    """INC-1, from what somebody saw to a word put right after the end."""
    for _ in range(2):
        await owner.post("/v1/incidents/reports", SEEN)
    for verb, body in (
        ("declare", LEAK),
        ("acknowledge", {}),
        ("release", {"team": "night shift"}),
        ("assign", {"person": str(owner.id)}),
        ("acknowledge", {}),
        ("severity", {"to": "sev4", "reason": "It drips by now"}),
        ("hold", {"reason": "awaiting_vendor"}),
        ("resume", {}),
        ("mitigate", {}),
        ("escalate", {"reason": "The aisle is slippery"}),
        ("describe", {"description": "Under the mast"}),
        ("impact", {"impact": "One aisle is closed", "injured": "Siri Dahl"}),
        ("links", {"target": "https://example.com/forklift"}),
        ("evidence", PHOTO),
        ("tasks", {"title": "Strew sand", "assignee": str(owner.id)}),
        ("tasks", {"title": "Order a hose"}),
        ("notes", {"text": "A puddle"}),
    ):
        last = told(await owner.post(f"/v1/incidents/INC-1/{verb}", body))
    document = told(await owner.get(f"/v1/incidents/INC-1?min_position={last['position']}"))
    sand, hose = (task["id"] for task in document["tasks"])
    for verb, body in (
        (f"tasks/{sand}/complete", {}),
        (f"tasks/{hose}/waive", {"reason": "There is one in store"}),
        (f"notes/{document['notes'][0]['id']}/retract", {}),
        ("resolve", {"resolution": "Hose replaced"}),
        ("waive-review", {"reason": "Nothing to learn"}),
        ("reopen", {"reason": "It drips again"}),
        ("resolve", {"resolution": "Hose tightened", "cause_code": "wear"}),
        ("close", {}),
        ("amendments", {"field": "cause_code", "value": "vendor", "reason": "Says the vendor"}),
    ):
        await owner.post(f"/v1/incidents/INC-1/{verb}", body)


async def other_incidents_end_otherwise(owner: Somebody) -> None:
    """INC-2 is cancelled, INC-3 dismissed, INC-4 merged."""
    for _ in range(2):
        told(await owner.post("/v1/incidents", LEAK | {"source": "watch", "source_key": "leak-2"}))
    winner = await owner.declares()
    await owner.post("/v1/incidents/INC-2/cancel", {"reason": "A test"})
    reported = told(await owner.post("/v1/incidents/reports", {"title": "A puddle of water"}))
    await owner.post(f"/v1/incidents/{reported['id']}/dismiss", {"reason": "It had rained"})
    loser = await owner.declares()
    await owner.post(f"/v1/incidents/{loser['id']}/merge", {"into": winner["id"]})


async def old_rows_come_in(served: Served, owner: Somebody) -> None:
    """An old incident was resolved with a task left open, long after a clock had run out."""
    old = await owner.declares(imported={"row": 1}, occurred_at="2020-01-01T00:00:00Z")
    path = f"/v1/incidents/{old['id']}"
    await owner.post(f"{path}/tasks", {"title": "Strew sand"})
    write_model, system = served.process.write_model, system_actor(owner.tenant)
    stream = UUID(old["id"])
    state, _ = await write_model.state(owner.tenant, stream, INCIDENT)
    generation = cast("Incident", state).clock_generation
    ran_out = RecordSlaBreach(timer="resolve", generation=generation)
    await write_model.handle(stream, ran_out, by=system)
    row = {"row": 2, "team": "night shift", "person": str(owner.id)}
    await owner.post(f"{path}/resolve", {"resolution": "Hose replaced", "imported": row})


async def everything_is_read(served: Served, owner: Somebody) -> None:
    last = await owner.declares(injured="Siri Dahl")
    shown = f"min_position={last['position']}"
    viewer = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    for who in (owner, viewer):
        for query in (
            "facets=status,severity,assignee,deviations",
            "fields=id,title",
            "limit=1",
            "q=oil",
        ):
            listed = told(await who.get(f"/v1/incidents?{query}&{shown}"))
            assert listed["items"]
        everything = told(await who.get(f"/v1/incidents?{shown}"))["items"]
        for item in everything:
            for rest in ("", "/history", "/timeline", "/actions"):
                await who.get(f"/v1/incidents/{item['id']}{rest}?{shown}")
        await who.get(f"/v1/events?{shown}")
        await who.get("/v1/events?limit=2")
        figures = told(await who.get(f"/v1/metrics/incidents?interval=day&group_by=team&{shown}"))
        assert figures["items"]
        await who.get("/v1/metrics/incidents?severity=sev1&to=2020-01-01T00:00:00Z")
        for query in ("{incidents {items {id}}}", "{leaks}", '{incident(id: "INC-99") {id}}'):
            await who.post("/v1/graphql", {"query": query})
        await the_past_is_read(who, everything[-1], told(await owner.get("/v1/incidents/INC-1")))
    etag = (await owner.get("/v1/incidents/INC-1")).headers["ETag"]
    assert (await owner.get("/v1/incidents/INC-1", If_None_Match=etag)).status_code == 304
    assert told(await owner.get("/v1/incidents/INC-1?min_position=99999"))["stale"]


async def the_past_is_read(who: Somebody, *shown: dict[str, Any]) -> None:
    for each in shown:
        for version in range(1, each["version"] + 2):
            await who.get(f"/v1/incidents/{each['id']}?version={version}")
        moment = f"as_of={each['updated_at']}"
        await who.get(f"/v1/incidents/{each['id']}?{moment}")
        for query in ("facets=status,deviations", "fields=id,title", "sort=-severity&limit=1"):
            assert told(await who.get(f"/v1/incidents?{query}&{moment}"))["items"]


async def it_is_rebuilt(owner: Somebody) -> None:
    await owner.get("/v1/admin/projections")
    for _ in range(2):
        await owner.post("/v1/admin/projections/incident/rebuild", {"record": "INC-1"})
    await owner.get("/v1/admin/projections")
    await owner.post("/v1/admin/projections/weather/rebuild")


async def some_of_it_is_refused(served: Served, owner: Somebody) -> None:
    await owner.post("/v1/incidents/INC-1/acknowledge")
    await owner.post("/v1/incidents/INC-1/notes", {"text": "Dry"}, If_Match='"1"')
    await owner.post("/v1/incidents", {"colour": "red"})
    await owner.send("/v1/incidents", b"oil")
    await owner.get("/v1/incidents/INC-99")
    await owner.get("/v1/incidents?limit=0")
    await owner.get("/v1/metrics/incidents?interval=year")
    await owner.get("/v1/incidents?sort=updated_at&as_of=2026-02-03T08:15:00Z")
    await owner.get("/v1/incidents/INC-1?as_of=2126-02-03T08:15:00Z")
    await owner.get("/v1/people")
    await owner.post("/v1/members/nobody/suspend")
    await owner.get("/v1/events?after=99999")
    await served.http.get("/v1/me")
    await owner.get("/v1/access-log?limit=1")
    stranger = await served.somebody(Role.REPORTER, tenant=owner.tenant)
    await stranger.get("/v1/members")


async def an_event_cannot_be_applied(owner: Somebody, database: Database) -> None:
    """It is tried again in vain, and left out."""
    leak = await owner.declares()
    pause(database)
    await owner.post(f"/v1/incidents/{leak['id']}/acknowledge")
    damaged(database, "incident.acknowledged", b"[]")
    pause(database, paused=False)
    [letter] = (await until_parked(owner, 1))["items"]
    path = f"/v1/admin/dead-letters/{leak['id']}"
    await owner.post(f"{path}/retry")
    for version in (1, letter["version"]):
        await owner.post(f"{path}/skip", {"version": version, "reason": "Nobody can read it"})
    await until_parked(owner, 0)
