"""What people can rely on when they change their own passwords."""

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.api.serving import PASSWORD, Served, Somebody, told
from tests.embedded import Database
from tests.identity import QUICK, overtaken
from write_model.kernel.access import SYSTEM
from write_model.user.user import USER

EMAIL = "freya@harbor.example"
NEW = "sand binds the oil"


@pytest.fixture
async def freya(served: Served, owner: Somebody) -> Somebody:
    member = {"email": EMAIL, "name": "Freya Lind", "roles": ["viewer"]}
    added = await served.joins(owner, member)
    token = told(await signs_in(served))["access_token"]
    return Somebody(served.http, UUID(added["id"]), owner.tenant, token)


async def signs_in(served: Served, password: str = PASSWORD) -> httpx2.Response:
    return await served.http.post("/v1/auth/token", json={"email": EMAIL, "password": password})


async def changes(who: Somebody, current: str = PASSWORD, new: str = NEW) -> httpx2.Response:
    return await who.post("/v1/auth/password", {"current_password": current, "new_password": new})


async def renews(served: Served, tokens: dict[str, Any]) -> int:
    body = {"refresh_token": tokens["refresh_token"]}
    return (await served.http.post("/v1/auth/refresh", json=body)).status_code


async def test_who_changed_the_password_signs_in_with_the_new_one_only(
    served: Served, freya: Somebody
) -> None:
    answer = await changes(freya)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (await signs_in(served)).status_code == 401
    assert (await signs_in(served, NEW)).status_code == 200


async def test_all_sign_ins_end_but_the_one_that_the_answer_begins(
    served: Served, freya: Somebody
) -> None:
    elsewhere = told(await signs_in(served))
    tokens = told(await changes(freya))
    assert await renews(served, elsewhere) == 401
    assert await renews(served, tokens) == 200
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    known = told(await served.http.get("/v1/me", headers=headers))
    assert (known["id"], known["organization"]) == (str(freya.id), str(freya.tenant))


async def test_the_log_knows_that_it_changed_and_that_all_sign_ins_ended(
    served: Served, freya: Somebody
) -> None:
    write_model = served.process.write_model
    assert (await changes(freya)).status_code == 200
    _, version = await write_model.state(SYSTEM, freya.id, USER)
    assert version == 4, "registered, asked in, changed, all sign-ins ended"


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("not the password", NEW, "current_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, PASSWORD, "new_password"),
    ],
)
async def test_what_changes_no_password_is_named(
    current: str, new: str, field: str, served: Served, freya: Somebody
) -> None:
    answer = await changes(freya, current, new)
    assert (answer.status_code, told(answer)["code"]) == (422, "validation")
    assert [each["field"] for each in told(answer)["errors"]] == [field]
    assert (await signs_in(served)).status_code == 200
    _, version = await served.process.write_model.state(SYSTEM, freya.id, USER)
    assert version == 2, "registered and asked in"


async def test_guessing_is_stopped_and_locks_nobody_out(served: Served, freya: Somebody) -> None:
    for _ in range(10):
        assert (await changes(freya, "a guess")).status_code == 422
    answer = await changes(freya)
    assert (answer.status_code, told(answer)["code"]) == (429, "rate_limited")
    assert (await signs_in(served)).status_code == 200


async def test_of_two_changes_at_once_one_is_refused(served: Served, freya: Somebody) -> None:
    wanted = [f"{NEW} {number}" for number in range(2)]
    answers = await asyncio.gather(*(changes(freya, new=new) for new in wanted))
    accepted = [answer.status_code == 200 for answer in answers]
    assert sorted(accepted) == [False, True]
    assert (await signs_in(served, wanted[accepted.index(True)])).status_code == 200


ANOTHER = "SELECT credentials.replace_password(%s, %s, %s, now())"
ANEW = "SELECT credentials.change_password(%s, %s, %s)"
"""The same password, hashed with other parameters: as a sign-in elsewhere may do."""


async def kept(served: Served, who: Somebody) -> str:
    hashed = await served.identity.logins.password_of(who.id)
    assert hashed is not None
    return hashed


async def test_a_sign_in_that_is_under_way_ends_with_the_old_password(
    served: Served, freya: Somebody, database: Database
) -> None:
    change = (freya.id, await kept(served, freya), QUICK.hash(NEW))
    answer = await overtaken(signs_in(served), database, ANOTHER, *change)
    assert (answer.status_code, told(answer)["code"]) == (401, "unauthenticated")


async def test_a_sign_in_goes_on_when_the_same_password_is_hashed_anew(
    served: Served, freya: Somebody, database: Database
) -> None:
    change = (freya.id, await kept(served, freya), QUICK.hash(PASSWORD))
    answer = await overtaken(signs_in(served), database, ANEW, *change)
    assert answer.status_code == 200
    assert await renews(served, told(answer)) == 200


async def test_a_change_goes_on_when_the_same_password_is_hashed_anew(
    served: Served, freya: Somebody, database: Database
) -> None:
    change = (freya.id, await kept(served, freya), QUICK.hash(PASSWORD))
    answer = await overtaken(changes(freya), database, ANEW, *change)
    assert (answer.status_code, (await signs_in(served, NEW)).status_code) == (200, 200)
    _, version = await served.process.write_model.state(SYSTEM, freya.id, USER)
    assert version == 4, "registered, asked in, changed, all sign-ins ended"


async def test_a_change_that_meets_another_one_is_refused(
    served: Served, freya: Somebody, database: Database
) -> None:
    other = "the drip tray is full"
    change = (freya.id, await kept(served, freya), QUICK.hash(other))
    answer = await overtaken(changes(freya), database, ANOTHER, *change)
    assert (answer.status_code, told(answer)["code"]) == (409, "conflict")
    assert (await signs_in(served, other)).status_code == 200
