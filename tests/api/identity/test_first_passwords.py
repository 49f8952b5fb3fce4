"""How long a password that was made up for somebody is good, as the first owner's is."""

from datetime import datetime
from uuid import UUID

import httpx2
import psycopg
import pytest

from tests.api.serving import Served, Somebody, told
from tests.embedded import SUPERUSER, Database
from write_model.accounts import NewMember
from write_model.kernel.access import Role, system_actor
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.credentials import FIRST_PASSWORDS_LIVE

EMAIL = "freya@harbor.example"
FREYA = NewMember("Freya Lind", EMAIL, frozenset({Role.VIEWER}))
NEW = "sand binds the oil"


MADE_UP = "Oj1bWHC8gqD8JOY9ZgPjAK4o"


@pytest.fixture
async def freya(served: Served, owner: Somebody) -> UUID:
    accounts, end = served.identity.accounts, served.identity.clock() + FIRST_PASSWORDS_LIVE
    by = system_actor(owner.tenant)
    joined = await accounts.join(FREYA, MADE_UP, by=by, good_until=end)
    await accounts.settle(joined)
    return joined.subject


async def signs_in(served: Served, password: str) -> httpx2.Response:
    return await served.http.post("/v1/auth/token", json={"email": EMAIL, "password": password})


async def good_until(served: Served) -> datetime | None:
    accounts = served.identity.accounts
    login = await accounts.logins.find(BlindIndex(accounts.master).of(EMAIL))
    assert login is not None
    return login.good_until


def a_week_passes(database: Database) -> None:
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        connection.execute("UPDATE credentials.logins SET good_until = good_until - interval '7d'")


async def test_it_signs_in_for_seven_days_and_then_no_more_than_a_wrong_one(
    served: Served, database: Database, freya: UUID
) -> None:
    assert (await signs_in(served, MADE_UP)).status_code == 200
    a_week_passes(database)
    late, wrong = await signs_in(served, MADE_UP), await signs_in(served, NEW)
    assert (late.status_code, wrong.status_code) == (401, 401)
    assert told(late)["detail"] == told(wrong)["detail"]


async def test_who_changed_it_signs_in_with_his_own_ever_after(
    served: Served, database: Database, owner: Somebody, freya: UUID
) -> None:
    token = told(await signs_in(served, MADE_UP))["access_token"]
    herself = Somebody(served.http, freya, owner.tenant, token)
    change = {"current_password": MADE_UP, "new_password": NEW}
    assert (await herself.post("/v1/auth/password", change)).status_code == 200
    a_week_passes(database)
    assert await good_until(served) is None
    assert (await signs_in(served, NEW)).status_code == 200


async def test_who_let_it_end_sets_his_own_by_a_reset(
    served: Served, database: Database, owner: Somebody, freya: UUID
) -> None:
    a_week_passes(database)
    reset = told(await owner.post(f"/v1/members/{freya}/password-reset"))
    use = {"token": reset["token"], "new_password": NEW}
    assert (await served.http.post("/v1/auth/password-reset", json=use)).status_code == 204
    assert (await signs_in(served, NEW)).status_code == 200


async def test_one_that_was_chosen_has_no_end(served: Served, owner: Somebody) -> None:
    asked = {"email": EMAIL, "name": "Freya Lind", "roles": ["viewer"]}
    await served.joins(owner, asked)
    assert await good_until(served) is None
