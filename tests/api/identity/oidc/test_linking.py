"""What is on record of whom an identity provider tells, and how it is taken back."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from pydantic_core import from_json

from tests.api.identity.oidc.desk import Desk
from tests.api.identity.test_on_record import until_noted
from tests.api.serving import Served, Somebody, told
from tests.embedded import SUPERUSER, Database
from write_model.kernel.access import Role

Happened = tuple[str, str, Any]


def happened(database: Database, who: Somebody) -> list[Happened]:
    """What his own stream tells of providers: the kind of event, by whom, and what it says."""
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        rows = connection.execute(
            "SELECT topic, actor_id, state FROM log.events"
            " WHERE originator_id = %s AND topic LIKE 'user.identity%%'"
            " ORDER BY originator_version",
            (who.id,),
        ).fetchall()
    return [(topic, str(by), from_json(state)) for topic, by, state in rows]


async def linked(who: Somebody) -> list[str]:
    return [each["id"] for each in told(await who.get("/v1/auth/identity-providers"))["items"]]


async def test_the_first_sign_in_links_and_is_on_record(
    harbor: Desk, freya: Somebody, database: Database
) -> None:
    assert await linked(freya) == []
    for _ in range(2):
        assert (await harbor.signs_in()).status_code == 200
    says = {"organization": str(freya.tenant), "provider": harbor.id}
    assert happened(database, freya) == [("user.identity_provider_linked", str(freya.id), says)]
    assert await linked(freya) == [harbor.id]
    await until_noted(harbor.owner, "identity_provider_linked")


async def test_who_is_unlinked_is_told_of_by_his_subject_no_more(
    served: Served, harbor: Desk, freya: Somebody, database: Database
) -> None:
    await harbor.signs_in()
    path = f"/v1/auth/identity-providers/{harbor.id}"
    unproven = await freya.delete(path)
    assert (unproven.status_code, told(unproven)["code"]) == (403, "reauthentication_required")
    assert (await freya.proven(served).delete(path)).status_code == 204
    assert (await freya.proven(served).delete(path)).status_code == 404
    says = {"organization": str(freya.tenant), "provider": harbor.id}
    unlinked = ("user.identity_provider_unlinked", str(freya.id), says)
    assert happened(database, freya)[1:] == [unlinked]
    assert await linked(freya) == []
    await until_noted(harbor.owner, "identity_provider_unlinked")
    verified = harbor.provider.tells
    harbor.provider.tells = verified | {"email_verified": False}
    assert (await harbor.signs_in()).status_code == 401
    harbor.provider.tells = verified
    assert (await harbor.signs_in()).status_code == 200, "linked anew"


async def test_an_administrator_unlinks_a_member_and_it_is_known_who_did(
    served: Served, harbor: Desk, freya: Somebody, database: Database
) -> None:
    await harbor.signs_in()
    path = f"/v1/members/{freya.id}/identity-providers/{harbor.id}"
    stranger = await served.somebody(Role.OWNER)
    assert (await stranger.proven(served).delete(path)).status_code == 404
    assert (await harbor.owner.delete(path)).status_code == 403
    assert (await harbor.owner.proven(served).delete(path)).status_code == 204
    [_, (_, by, _)] = happened(database, freya)
    assert by == str(harbor.owner.id)


async def test_only_an_owner_unlinks_an_owner(served: Served, harbor: Desk) -> None:
    await harbor.is_told_of(harbor.owner)
    await harbor.signs_in()
    admin = await served.somebody(Role.ADMIN, tenant=harbor.owner.tenant)
    path = f"/v1/members/{harbor.owner.id}/identity-providers/{harbor.id}"
    assert (await admin.proven(served).delete(path)).status_code == 403
    assert await linked(harbor.owner) == [harbor.id]


@pytest.mark.parametrize("issuer", [None, "https://another.example"], ids=["removed", "changed"])
async def test_whom_a_provider_has_told_of_is_forgotten_with_it(
    served: Served, harbor: Desk, freya: Somebody, issuer: str | None, database: Database
) -> None:
    await harbor.signs_in()
    owner, path = harbor.owner.proven(served), f"/v1/identity-providers/{harbor.id}"
    if issuer is None:
        await owner.delete(path)
    else:
        await owner.post(path, harbor.settings(issuer=issuer))
    assert await linked(freya) == []
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        kept = connection.execute(
            "SELECT count(*) FROM credentials.linked_subjects WHERE tenant_id = %s",
            (freya.tenant,),
        )
        assert kept.fetchone() == (0,)


@pytest.mark.usefixtures("projector")
async def test_the_feed_tells_how_providers_were_set_without_their_secrets(
    served: Served, harbor: Desk
) -> None:
    owner, path = harbor.owner.proven(served), f"/v1/identity-providers/{harbor.id}"
    await owner.post(path, harbor.settings(name="Harbor people"))
    await owner.delete(path)
    topics = "organization.identity_provider_set,organization.identity_provider_removed"
    items: list[dict[str, Any]] = []
    while len(items) < 3:
        items = told(await owner.get(f"/v1/events?type={topics}"))["items"]
    assert [each["type"] for each in items] == [
        "organization.identity_provider_set",
        "organization.identity_provider_set",
        "organization.identity_provider_removed",
    ]
    assert {each["actor"] for each in items} == {str(owner.id)}
