"""What people can rely on who have a second factor."""

import asyncio
import time
from typing import Any
from uuid import UUID

import httpx2
import psycopg
import pytest
from pyotp.totp import TOTP

from tests.api.identity.test_on_record import until_noted
from tests.api.serving import PASSWORD, Served, Somebody, told
from tests.embedded import SUPERUSER, Database
from tests.identity import everything_stored
from write_model.kernel.access import SYSTEM, Actor, Role
from write_model.kernel.errors import Conflict
from write_model.user.user import USER

EMAIL = "freya@harbor.example"


@pytest.fixture
async def freya(served: Served, owner: Somebody) -> Somebody:
    member = {"email": EMAIL, "name": "Freya Lind", "roles": ["viewer"]}
    added = await served.joins(owner, member)
    nobody = Somebody(served.http, UUID(added["id"]), owner.tenant, "")
    return nobody.proven(served)


class Device:
    """Her app: a code for each time it is asked, which is never one that it gave before."""

    def __init__(self, secret: str) -> None:
        self._totp, self._last = TOTP(secret), 0

    def shows(self) -> str:
        """The code of now, or of the next step, which is good already."""
        now = int(time.time()) // 30
        self._last = max(now, self._last + 1)
        assert self._last <= now + 1, "asked too often for a test"
        return self._totp.generate_otp(self._last)

    def showed(self) -> str:
        return self._totp.generate_otp(self._last)


async def enrolled(who: Somebody) -> tuple[Device, list[str]]:
    answer = await who.post("/v1/auth/totp")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    device = Device(told(answer)["secret"])
    confirmed = await who.post("/v1/auth/totp/confirm", {"code": device.shows()})
    assert (confirmed.status_code, confirmed.headers["Cache-Control"]) == (200, "no-store")
    return device, told(confirmed)["recovery_codes"]


async def signs_in(served: Served, totp: str | None = None, **other: Any) -> httpx2.Response:
    body = {"email": EMAIL, "password": PASSWORD} | other
    return await served.http.post(
        "/v1/auth/token", json=body if totp is None else body | {"totp": totp}
    )


async def test_signing_in_asks_for_a_code_and_for_a_new_one_each_time(
    served: Served, freya: Somebody
) -> None:
    device, _ = await enrolled(freya)
    answer = await signs_in(served)
    assert (answer.status_code, told(answer)["code"]) == (401, "second_factor_required")
    assert (await signs_in(served, device.showed())).status_code == 401, "confirmed with it"
    assert (await signs_in(served, device.shows())).status_code == 200
    again = await signs_in(served, device.showed())
    assert (again.status_code, told(again)["code"]) == (401, "second_factor_required")


async def test_of_two_who_send_one_code_at_once_one_comes_in(
    served: Served, freya: Somebody
) -> None:
    device, _ = await enrolled(freya)
    code = device.shows()
    answers = await asyncio.gather(*(signs_in(served, code) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_who_does_not_know_the_password_learns_nothing_of_it(
    served: Served, freya: Somebody
) -> None:
    _, codes = await enrolled(freya)
    answer = await signs_in(served, codes[0], password="another password")
    assert told(answer)["code"] == "unauthenticated"
    assert (await signs_in(served, codes[0])).status_code == 200, "and the code is still good"


async def test_a_recovery_code_stands_in_once(served: Served, freya: Somebody) -> None:
    _, codes = await enrolled(freya)
    assert len(codes) == 10
    spaced = codes[0].upper().replace("-", " ")
    assert (await signs_in(served, spaced)).status_code == 200
    assert (await signs_in(served, codes[0])).status_code == 401
    shown = told(await freya.get("/v1/auth/totp"))
    assert shown == {"enabled": True, "recovery_codes_left": 9}
    _, version = await served.process.write_model.state(SYSTEM, freya.id, USER)
    assert version == 4, "registered, asked in, enabled, a recovery code used"


async def test_guessing_at_codes_is_stopped(served: Served, freya: Somebody) -> None:
    _, codes = await enrolled(freya)
    answers = [await signs_in(served, f"no code {number}") for number in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert (await signs_in(served, codes[0])).status_code == 429


async def test_an_access_token_alone_begins_none_and_takes_none_off(
    served: Served, freya: Somebody
) -> None:
    token = served.identity.access_tokens.issue(freya.id, freya.tenant)
    thief = Somebody(freya.http, freya.id, freya.tenant, token)
    for answer in (await thief.post("/v1/auth/totp"), await thief.delete("/v1/auth/totp")):
        assert (answer.status_code, told(answer)["code"]) == (403, "reauthentication_required")


async def test_nothing_is_asked_until_it_was_confirmed(served: Served, freya: Somebody) -> None:
    await freya.post("/v1/auth/totp")
    wrong = await freya.post("/v1/auth/totp/confirm", {"code": "000000"})
    assert (wrong.status_code, told(wrong)["errors"][0]["field"]) == (422, "code")
    assert (await signs_in(served)).status_code == 200
    assert told(await freya.get("/v1/auth/totp")) == {"enabled": False, "recovery_codes_left": 0}


async def test_what_is_on_is_not_replaced_in_silence(freya: Somebody) -> None:
    device, _ = await enrolled(freya)
    for answer in (
        await freya.post("/v1/auth/totp"),
        await freya.post("/v1/auth/totp/confirm", {"code": device.shows()}),
    ):
        assert (answer.status_code, told(answer)["code"]) == (409, "illegal_transition")


async def test_proving_once_more_who_one_is_asks_for_a_code_too(
    served: Served, freya: Somebody
) -> None:
    _, codes = await enrolled(freya)
    proof = {"password": PASSWORD}
    answer = await freya.post("/v1/auth/reauthenticate", proof)
    assert (answer.status_code, told(answer)["code"]) == (401, "second_factor_required")
    answer = await freya.post("/v1/auth/reauthenticate", proof | {"totp": codes[0]})
    proven = Somebody(freya.http, freya.id, freya.tenant, told(answer)["access_token"])
    assert (await proven.delete("/v1/auth/totp")).status_code == 204
    assert (await signs_in(served)).status_code == 200


async def test_an_administrator_takes_it_off_and_all_sign_ins_end(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    _, codes = await enrolled(freya)
    token = told(await signs_in(served, codes[0]))["access_token"]
    signed_in = Somebody(freya.http, freya.id, freya.tenant, token)
    path = f"/v1/members/{freya.id}/totp"
    answer = await owner.delete(path)
    assert (answer.status_code, told(answer)["code"]) == (403, "reauthentication_required")
    assert (await owner.proven(served).delete(path)).status_code == 204
    assert (await signed_in.get("/v1/me")).status_code == 401
    assert (await signs_in(served)).status_code == 200


async def test_who_took_it_off_is_on_record(
    served: Served, owner: Somebody, freya: Somebody, database: Database
) -> None:
    await enrolled(freya)
    assert (await freya.delete("/v1/auth/totp")).status_code == 204
    await enrolled(freya)
    await owner.proven(served).delete(f"/v1/members/{freya.id}/totp")
    with psycopg.connect(database.conninfo(SUPERUSER)) as connection:
        found = connection.execute(
            "SELECT topic, actor_id, encode(state, 'escape') FROM log.events"
            " WHERE originator_id = %s AND topic IN ('user.second_factor_disabled',"
            " 'user.sign_ins_ended') ORDER BY originator_version",
            (freya.id,),
        ).fetchall()
    assert [(topic, by) for topic, by, _ in found] == [
        ("user.second_factor_disabled", freya.id),
        ("user.second_factor_disabled", owner.id),
        ("user.sign_ins_ended", owner.id),
    ]
    assert "ended_by_administrator" in found[-1][2]
    await until_noted(owner, "second_factor_disabled", "ended_by_administrator")


async def test_nobody_takes_off_what_is_not_his_business(
    served: Served, owner: Somebody, freya: Somebody
) -> None:
    admin = (await served.somebody(Role.ADMIN, tenant=owner.tenant)).proven(served)
    stranger = (await served.somebody(Role.OWNER)).proven(served)
    for by, to, status in (
        (admin, owner, 403),
        (admin, admin, 403),
        (freya, admin, 403),
        (stranger, freya, 404),
    ):
        assert (await by.delete(f"/v1/members/{to.id}/totp")).status_code == status


async def test_neither_secret_nor_codes_stand_anywhere(freya: Somebody, database: Database) -> None:
    answer = told(await freya.post("/v1/auth/totp"))
    code = TOTP(answer["secret"]).now()
    codes = told(await freya.post("/v1/auth/totp/confirm", {"code": code}))["recovery_codes"]
    stored = everything_stored(database)
    for secret in (answer["secret"], *codes, codes[0].replace("-", "")):
        assert not [table for table, rows in stored.items() if secret in rows]


async def test_what_was_begun_twice_is_confirmed_as_begun_last(
    served: Served, freya: Somebody
) -> None:
    factors = served.identity.second_factors
    by = Actor(freya.id, freya.tenant, authenticated_at=factors.clock())
    first = TOTP((await factors.enrol(by)).secret)
    older = await factors.kept.of(freya.id)
    assert older is not None
    await factors.enrol(by)
    assert not await factors.kept.confirm(freya.id, older.sealed, step=1, code_hashes=[])
    answer = await freya.post("/v1/auth/totp/confirm", {"code": first.now()})
    assert answer.status_code == 422


async def test_of_two_who_confirm_at_once_one_is_told_so(served: Served, freya: Somebody) -> None:
    factors = served.identity.second_factors
    by = Actor(freya.id, freya.tenant, authenticated_at=factors.clock())
    code = TOTP((await factors.enrol(by)).secret).now()
    asked = [factors.confirm(by, code) for _ in range(2)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    told_of = [each for each in found if isinstance(each, BaseException)]
    assert [type(each) for each in told_of] == [Conflict]


async def test_who_has_no_second_factor_passes_none(served: Served, freya: Somebody) -> None:
    assert not await served.identity.second_factors.passed(freya.id, "000000")
