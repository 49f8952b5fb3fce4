"""What can be relied on where somebody proves once more, at a provider, who he is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx2
import pytest

from api.identity.oidc.dialogue import CameBack
from tests.api.identity.oidc.desk import Desk, desk
from tests.api.identity.test_on_record import until_noted
from tests.api.identity.test_second_factor_demanded import MISSING, demands, soon_refused
from tests.api.identity.test_second_factors import enrolled
from tests.api.serving import Served, Somebody, told
from write_model.kernel.access import Role
from write_model.kernel.clock import wall_clock
from write_model.kernel.errors import Invalid


def refused(answer: httpx2.Response) -> bool:
    return answer.status_code == 422 and told(answer)["code"] == "validation"


def with_token(who: Somebody, answer: httpx2.Response) -> Somebody:
    assert answer.status_code == 200, answer.text
    return replace(who, token=told(answer)["access_token"])


def asks(begun: dict[str, str]) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(begun["address"]).query))


@pytest.fixture
async def signed_in(harbor: Desk, freya: Somebody) -> Somebody:
    """Freya, who has come in through the provider and knows no password."""
    return with_token(freya, await harbor.signs_in())


async def test_who_knows_no_password_proves_at_the_provider_who_he_is(
    harbor: Desk, signed_in: Somebody
) -> None:
    assert (await signed_in.post("/v1/auth/totp")).status_code == 403
    answer = await harbor.proves(signed_in)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (told(answer)["token_type"], told(answer)["expires_in"]) == ("Bearer", 300)
    proven = with_token(signed_in, answer)
    await until_noted(harbor.owner, "reauthenticated")
    await enrolled(proven)
    assert (await signed_in.delete("/v1/auth/totp")).status_code == 403, "the older token is none"


async def test_the_provider_is_asked_to_have_him_sign_in_anew(
    harbor: Desk, signed_in: Somebody
) -> None:
    proving, signing_in = asks(await harbor.starts(signed_in)), asks(await harbor.starts())
    assert (proving["prompt"], proving["max_age"]) == ("login", "0")
    assert signing_in.keys() == proving.keys() - {"prompt", "max_age"}


async def test_who_lacks_the_second_factor_that_is_demanded_sets_it_up_so(
    harbor: Desk, signed_in: Somebody
) -> None:
    await demands(harbor.owner)
    await soon_refused(signed_in)
    answer = await signed_in.get("/v1/members")
    assert (answer.status_code, told(answer)["code"]) == MISSING
    await enrolled(with_token(signed_in, await harbor.proves(signed_in)))
    assert (await signed_in.get("/v1/incidents")).status_code == 200


async def test_a_proof_ends_with_its_sign_in(harbor: Desk, signed_in: Somebody) -> None:
    proven = with_token(signed_in, await harbor.proves(signed_in))
    assert (await proven.delete("/v1/auth/sessions")).status_code == 204
    assert (await proven.get("/v1/me")).status_code == 401


async def test_another_account_proves_nothing(
    served: Served, harbor: Desk, signed_in: Somebody
) -> None:
    ole = await served.somebody(Role.OWNER, tenant=signed_in.tenant)
    await harbor.is_told_of(ole)
    assert refused(await harbor.proves(signed_in)), "not even one that nobody has used yet"
    await harbor.signs_in()
    assert refused(await harbor.proves(signed_in))
    await until_noted(harbor.owner, "provider_did_not_confirm")
    await harbor.is_told_of(signed_in)
    assert (await harbor.proves(signed_in)).status_code == 200


@pytest.mark.parametrize("ago_s", [None, "now", True, 31, 3_600, -60])
async def test_a_sign_in_at_the_provider_counts_only_when_it_was_since(
    served: Served, harbor: Desk, signed_in: Somebody, ago_s: Any
) -> None:
    now = int(served.identity.clock().timestamp())
    is_number = isinstance(ago_s, int) and not isinstance(ago_s, bool)
    auth_time = now - ago_s if is_number else ago_s
    true = harbor.provider.tells
    harbor.provider.tells = true | {"auth_time": auth_time}
    assert refused(await harbor.proves(signed_in))
    harbor.provider.tells = true
    assert (await harbor.proves(signed_in)).status_code == 200


async def test_a_sign_in_at_the_provider_counts_for_five_minutes(
    served: Served, harbor: Desk, signed_in: Somebody
) -> None:
    came = CameBack(**await harbor.comes_back(signed_in))
    harbor.provider.tells |= {"auth_time": int(wall_clock().timestamp())}
    harbor.provider.clock = later = lambda: wall_clock() + timedelta(minutes=6)
    elsewhere = served.identity.elsewhere
    flows = replace(elsewhere.dialogue.flows, clock=later)
    late = replace(elsewhere, dialogue=replace(elsewhere.dialogue, flows=flows))
    actor = await served.identity.actors.member(signed_in.tenant, signed_in.id)
    with pytest.raises(Invalid):
        await late.finish_proof(actor, UUID(harbor.id), came, None, origin="192.0.2.7")


async def test_neither_a_flow_nor_its_state_is_good_twice(
    harbor: Desk, signed_in: Somebody
) -> None:
    came = await harbor.comes_back(signed_in)
    assert (await harbor.proves(signed_in, came)).status_code == 200
    assert refused(await harbor.proves(signed_in, came))
    again = await harbor.comes_back(signed_in)
    for part in ("flow", "state", "code"):
        assert refused(await harbor.proves(signed_in, {**again, part: came[part]}))


async def test_what_was_begun_to_sign_in_proves_nothing_and_the_other_way_round(
    harbor: Desk, signed_in: Somebody
) -> None:
    assert refused(await harbor.proves(signed_in, await harbor.comes_back()))
    signing_in = await harbor.finishes(await harbor.comes_back(signed_in))
    assert signing_in.status_code == 401


async def test_what_somebody_else_has_begun_proves_nothing(
    served: Served, harbor: Desk, signed_in: Somebody
) -> None:
    """A thief with a token has the victim's page finish what he began, or finishes it himself."""
    ole = await served.somebody(Role.RESPONDER, tenant=signed_in.tenant)
    assert refused(await harbor.proves(signed_in, await harbor.comes_back(ole)))
    assert refused(await harbor.proves(ole, await harbor.comes_back(signed_in)))


async def test_what_another_organization_trusts_proves_nothing(
    served: Served, harbor: Desk, freya: Somebody
) -> None:
    quarry = await desk(served, harbor.provider, await served.somebody(Role.OWNER))
    answer = await freya.post(f"/v1/auth/reauthenticate/{quarry.id}/start")
    assert (answer.status_code, told(answer)["code"]) == (404, "not_found")
    came = await harbor.comes_back(freya)
    assert (await quarry.proves(freya, came)).status_code == 404


async def test_an_owner_proves_nothing_by_what_an_administrator_has_set(
    served: Served, harbor: Desk
) -> None:
    await harbor.is_told_of(harbor.owner)
    assert (await harbor.proves(harbor.owner)).status_code == 200
    admin = (await served.somebody(Role.ADMIN, tenant=harbor.owner.tenant)).proven(served)
    await admin.post(f"/v1/identity-providers/{harbor.id}", harbor.settings())
    assert refused(await harbor.proves(harbor.owner))


async def test_a_second_factor_is_asked_for_here_too(
    served: Served, harbor: Desk, signed_in: Somebody
) -> None:
    _, codes = await enrolled(signed_in.proven(served))
    asked = await harbor.proves(signed_in)
    assert told(asked)["code"] == "second_factor_required"
    passed = await harbor.proves(signed_in, totp=codes[0])
    assert passed.status_code == 200


async def test_an_api_key_proves_nothing(served: Served, harbor: Desk) -> None:
    named = {"name": "Forklift telemetry", "scopes": ["people.read"]}
    made = told(await harbor.owner.proven(served).post("/v1/api-keys", named))
    key = replace(harbor.owner, token=made["key"])
    path = f"/v1/auth/reauthenticate/{harbor.id}/start"
    assert (await key.post(path)).status_code == 403
