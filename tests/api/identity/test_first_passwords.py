"""How long a password that was made up for somebody is good."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest

from tests.api.serving import PASSWORD, Served, Somebody, told
from tests.embedded import SUPERUSER, Database
from write_model.kernel.blind_index import BlindIndex

EMAIL = "freya@harbor.example"
FREYA: dict[str, Any] = {"email": EMAIL, "name": "Freya Lind", "roles": ["viewer"]}
NEW = "sand binds the oil"


@pytest.fixture
async def added(owner: Somebody) -> dict[str, Any]:
    return told(await owner.post("/v1/members", FREYA))


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
    served: Served, database: Database, added: dict[str, Any]
) -> None:
    end = await good_until(served)
    assert end is not None
    assert timedelta(0) <= served.identity.clock() + timedelta(days=7) - end < timedelta(minutes=1)
    assert (await signs_in(served, added["password"])).status_code == 200
    a_week_passes(database)
    late, wrong = await signs_in(served, added["password"]), await signs_in(served, NEW)
    assert (late.status_code, wrong.status_code) == (401, 401)
    assert told(late)["detail"] == told(wrong)["detail"]


async def test_who_changed_it_signs_in_with_his_own_ever_after(
    served: Served, database: Database, owner: Somebody, added: dict[str, Any]
) -> None:
    token = told(await signs_in(served, added["password"]))["access_token"]
    freya = Somebody(served.http, UUID(added["id"]), owner.tenant, token)
    change = {"current_password": added["password"], "new_password": NEW}
    assert (await freya.post("/v1/auth/password", change)).status_code == 200
    a_week_passes(database)
    assert await good_until(served) is None
    assert (await signs_in(served, NEW)).status_code == 200


async def test_who_let_it_end_sets_his_own_by_a_reset(
    served: Served, database: Database, owner: Somebody, added: dict[str, Any]
) -> None:
    a_week_passes(database)
    reset = told(await owner.post(f"/v1/members/{added['id']}/password-reset"))
    use = {"token": reset["token"], "new_password": NEW}
    assert (await served.http.post("/v1/auth/password-reset", json=use)).status_code == 204
    assert (await signs_in(served, NEW)).status_code == 200


async def test_one_that_was_chosen_has_no_end(served: Served, owner: Somebody) -> None:
    await owner.post("/v1/members", {**FREYA, "password": PASSWORD})
    assert await good_until(served) is None
