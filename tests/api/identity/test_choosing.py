"""Which passwords people may choose, wherever one is set; signing in asks nothing of the kind."""

from hashlib import sha1
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.api.serving import PASSWORD, Served, Somebody, serving, told
from write_model.kernel.access import Role, system_actor
from write_model.kernel.settings import Settings
from write_model.organization.commands import FoundOrganization

EMAIL = "freya.l@harbor.example"
FREYA: dict[str, Any] = {"email": EMAIL, "name": "Freya Lind", "roles": ["viewer"]}
COMMON = "P@ssword1234"
GUESSABLE = [COMMON, "Tallystick2026", "harborlogistics1", "freyalind1987", "freya.l12345"]
"""For everybody, of the product, of the organization, of her name, of her address."""

guessable = pytest.mark.parametrize("guessable", GUESSABLE)


@pytest.fixture
async def harbor(served: Served, owner: Somebody) -> Somebody:
    """The owner of an organization that has a name."""
    command = FoundOrganization(name="Harbor Logistics")
    write_model = served.process.write_model
    await write_model.handle(owner.tenant, command, by=system_actor(owner.tenant))
    return owner


async def signs_in(served: Served, password: str = PASSWORD) -> httpx2.Response:
    return await served.http.post("/v1/auth/token", json={"email": EMAIL, "password": password})


def must_be_refused(answer: httpx2.Response, field: str) -> None:
    assert (answer.status_code, told(answer)["code"]) == (422, "validation"), answer.text
    assert [each["field"] for each in told(answer)["errors"]] == [field]
    assert "choose" in told(answer)["errors"][0]["message"]


@guessable
async def test_nobody_changes_to_a_guessable_password(
    guessable: str, served: Served, harbor: Somebody
) -> None:
    added = await served.joins(harbor, FREYA)
    token = told(await signs_in(served))["access_token"]
    freya = Somebody(served.http, UUID(added["id"]), harbor.tenant, token)
    change = {"current_password": PASSWORD, "new_password": guessable}
    must_be_refused(await freya.post("/v1/auth/password", change), "new_password")
    assert (await signs_in(served)).status_code == 200


@guessable
async def test_a_reset_sets_no_guessable_password_and_stays_good(
    guessable: str, served: Served, harbor: Somebody
) -> None:
    added = await served.joins(harbor, FREYA)
    reset = told(await harbor.post(f"/v1/members/{added['id']}/password-reset"))
    use = {"token": reset["token"], "new_password": guessable}
    must_be_refused(await served.http.post("/v1/auth/password-reset", json=use), "new_password")
    use["new_password"] = "sand binds the oil"
    assert (await served.http.post("/v1/auth/password-reset", json=use)).status_code == 204


@guessable
async def test_an_invitation_is_accepted_with_no_guessable_password_and_stays_good(
    guessable: str, served: Served, harbor: Somebody
) -> None:
    invited = told(await harbor.post("/v1/invitations", FREYA))
    answer = {"token": invited["token"], "password": guessable}
    must_be_refused(await served.http.post("/v1/auth/invitation", json=answer), "password")
    answer["password"] = PASSWORD
    assert (await served.http.post("/v1/auth/invitation", json=answer)).status_code == 200


async def test_the_name_that_an_invitation_is_accepted_with_counts_too(
    served: Served, harbor: Somebody
) -> None:
    invited = told(await harbor.post("/v1/invitations", FREYA))
    answer = {"token": invited["token"], "name": "Siri Dahl", "password": "siridahl1987"}
    must_be_refused(await served.http.post("/v1/auth/invitation", json=answer), "password")


async def test_who_has_a_guessable_password_since_before_signs_in_and_joins_others_with_it(
    served: Served, harbor: Somebody
) -> None:
    identity = served.identity
    added = await served.joins(harbor, FREYA)
    old_hash = await identity.logins.password_of(UUID(added["id"]))
    assert old_hash is not None
    await identity.logins.change_password(
        UUID(added["id"]),
        old_hash=old_hash,
        new_hash=await identity.accounts.passwords.hashed(COMMON),
    )
    assert (await signs_in(served, COMMON)).status_code == 200
    quarry = await served.somebody(Role.OWNER)
    invited = told(await quarry.post("/v1/invitations", FREYA))
    answer = {"token": invited["token"], "password": COMMON}
    assert (await served.http.post("/v1/auth/invitation", json=answer)).status_code == 200


async def test_a_password_that_a_breach_made_public_is_set_nowhere(
    settings: Settings, tmp_path: Path
) -> None:
    public = "the drip tray is full"
    digests = sorted(
        sha1(each.encode(), usedforsecurity=False).hexdigest().upper()
        for each in (public, "oil", "sand")
    )
    file = tmp_path / "breached.txt"
    file.write_text("".join(f"{digest}:3\n" for digest in digests))
    knowing = settings.model_copy(update={"breached_passwords": str(file)})
    async with serving(knowing) as served:
        owner = await served.somebody(Role.OWNER)
        member = await served.joins(owner, FREYA)
        invited = told(await owner.post("/v1/invitations", {**FREYA, "email": "siri@h.example"}))
        accept = {"token": invited["token"], "password": public}
        answer = await served.http.post("/v1/auth/invitation", json=accept)
        must_be_refused(answer, "password")
        reset = told(await owner.post(f"/v1/members/{member['id']}/password-reset"))
        use = {"token": reset["token"], "new_password": public}
        must_be_refused(await served.http.post("/v1/auth/password-reset", json=use), "new_password")
        token = told(await signs_in(served))["access_token"]
        freya = Somebody(served.http, UUID(member["id"]), owner.tenant, token)
        change = {"current_password": PASSWORD, "new_password": public}
        must_be_refused(await freya.post("/v1/auth/password", change), "new_password")
