from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from joserfc import jws, jwt
from pyotp.totp import TOTP

from tests.api.identity.guessing import a_hundred, answered_until_stopped
from tests.api.identity.oidc.desk import Desk
from tests.api.identity.oidc.provider import CLIENT, CLIENT_SECRET, rsa_key
from tests.api.serving import Served, Somebody, told
from tests.embedded import Database
from tests.identity import everything_stored
from write_model.kernel.access import Role


def refused(answer: httpx2.Response) -> bool:
    return answer.status_code == 401 and told(answer)["code"] == "unauthenticated"


async def who(served: Served, answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    bearer = {"Authorization": f"Bearer {told(answer)['access_token']}"}
    return told(await served.http.get("/v1/me", headers=bearer))


async def test_a_member_signs_in_by_the_address_that_the_provider_has_verified(
    served: Served, harbor: Desk, freya: Somebody
) -> None:
    answer = await harbor.signs_in()
    me = await who(served, answer)
    assert (me["id"], me["organization"]) == (str(freya.id), str(freya.tenant))
    assert answer.headers["Cache-Control"] == "no-store"
    refreshing = {"refresh_token": told(answer)["refresh_token"]}
    renewed = await served.http.post("/v1/auth/refresh", json=refreshing)
    assert (await who(served, renewed))["id"] == str(freya.id)


async def test_once_linked_a_subject_is_the_same_member_whatever_its_address(
    served: Served, harbor: Desk, freya: Somebody
) -> None:
    await harbor.signs_in()
    await harbor.is_told_of(freya, email="other@example.com", email_verified=False)
    assert (await who(served, await harbor.signs_in()))["id"] == str(freya.id)


@pytest.mark.usefixtures("freya")
@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"nonce": "another"}, id="nonce"),
        pytest.param({"nonce": None}, id="no nonce"),
        pytest.param({"aud": "another"}, id="audience"),
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"aud": [CLIENT, "another"]}, id="audiences without an authorized party"),
        pytest.param({"aud": [CLIENT, "another"], "azp": "another"}, id="authorized party"),
        pytest.param({"iss": "https://another.example"}, id="issuer"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"sub": None}, id="no subject"),
        pytest.param({"sub": "f" * 256}, id="long subject"),
        pytest.param({"sub": 7}, id="subject that is a number"),
        pytest.param({"aud": 7}, id="audience that is a number"),
        pytest.param({"aud": [[CLIENT]]}, id="audiences in a list"),
        pytest.param({"exp": "soon"}, id="end that is no number"),
        pytest.param({"iat": [1]}, id="beginning that is a list"),
        pytest.param({"nonce": 7}, id="nonce that is a number"),
        pytest.param({"exp": None}, id="no end"),
        pytest.param({"exp": 1_700_000_000}, id="expired"),
        pytest.param({"iat": 4_000_000_000, "exp": 4_000_000_300}, id="of the future"),
        pytest.param({"email_verified": False}, id="address not verified"),
        pytest.param({"email_verified": "true"}, id="address verified by a word"),
        pytest.param({"email_verified": None}, id="address verified by nobody"),
        pytest.param({"email": "nobody@example.com"}, id="nobody's address"),
    ],
)
async def test_what_is_not_said_of_a_member_to_us_now_signs_nobody_in(
    harbor: Desk, claims: dict[str, Any]
) -> None:
    true = harbor.provider.tells
    harbor.provider.tells = true | claims
    assert refused(await harbor.signs_in())
    harbor.provider.tells = true
    assert (await harbor.signs_in()).status_code == 200


def _unsigned(claims: dict[str, Any]) -> str:
    header = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    return f"{header}.{_with_anothers_key(claims).split('.')[1]}."


def _with_the_public_key(claims: dict[str, Any]) -> str:
    rest = _with_anothers_key(claims).split(".")[1]
    header = urlsafe_b64encode(b'{"alg":"HS256","kid":"first"}').decode().rstrip("=")
    public = rsa_key("first").as_pem(private=False)
    tag = hmac.digest(public, f"{header}.{rest}".encode(), "sha256")
    return f"{header}.{rest}.{urlsafe_b64encode(tag).decode().rstrip('=')}"


def _with_anothers_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "first"}, claims, rsa_key("another"))


def _with_a_key_of_its_own(claims: dict[str, Any]) -> str:
    own = rsa_key("another")
    header = {"alg": "RS256", "jwk": own.as_dict(private=False)}
    return jwt.encode(header, claims, own)


def _no_token(claims: dict[str, Any]) -> str:
    return "oil"


@pytest.mark.usefixtures("freya")
@pytest.mark.parametrize(
    "sign",
    [_unsigned, _with_the_public_key, _with_anothers_key, _with_a_key_of_its_own, _no_token],
)
async def test_what_the_provider_has_not_signed_signs_nobody_in(
    harbor: Desk, sign: Callable[[dict[str, Any]], str]
) -> None:
    harbor.provider.signs = sign
    assert refused(await harbor.signs_in())
    harbor.provider.signs = None
    assert (await harbor.signs_in()).status_code == 200


def _subject_that_is_no_text(claims: dict[str, Any]) -> str:
    return _signed(json.dumps(claims | {"sub": "\ud800"}).encode())


def _address_that_is_no_text(claims: dict[str, Any]) -> str:
    return _signed(json.dumps(claims | {"email": "\ud800@example.com"}).encode())


def _deep_claims(claims: dict[str, Any]) -> str:
    return _signed(b'{"sub":' + b"[" * 5_000 + b"]" * 5_000 + b"}")


def _claims_that_are_a_list(claims: dict[str, Any]) -> str:
    return _signed(b"[]")


def _signed(payload: bytes) -> str:
    header = {"alg": "RS256", "kid": "first"}
    return jws.serialize_compact(header, payload, rsa_key("first"))


def _deep_header(claims: dict[str, Any]) -> str:
    header = urlsafe_b64encode(b'{"kid":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
    return f"{header.decode().rstrip('=')}.{_with_anothers_key(claims).split('.', 1)[1]}"


def _header_that_is_a_list(claims: dict[str, Any]) -> str:
    return f"W10.{_with_anothers_key(claims).split('.', 1)[1]}"


@pytest.mark.usefixtures("freya")
@pytest.mark.parametrize(
    "sign",
    [
        _subject_that_is_no_text,
        _address_that_is_no_text,
        _deep_claims,
        _claims_that_are_a_list,
        _deep_header,
        _header_that_is_a_list,
    ],
)
async def test_what_nobody_can_read_signs_nobody_in(
    harbor: Desk, sign: Callable[[dict[str, Any]], str]
) -> None:
    harbor.provider.signs = sign
    assert refused(await harbor.signs_in())


@pytest.mark.usefixtures("freya")
async def test_neither_a_flow_nor_a_code_is_good_twice(harbor: Desk) -> None:
    came = await harbor.comes_back()
    assert (await harbor.finishes(came)).status_code == 200
    assert refused(await harbor.finishes(came))
    again = await harbor.comes_back()
    assert refused(await harbor.finishes({**again, "code": came["code"]}))


@pytest.mark.usefixtures("freya")
async def test_a_flow_is_not_good_twice_however_it_is_written(harbor: Desk) -> None:
    came = await harbor.comes_back()
    codes = dict(harbor.provider.codes)
    assert (await harbor.finishes(came)).status_code == 200
    harbor.provider.codes |= codes
    assert refused(await harbor.finishes({**came, "flow": f"!{came['flow']}"}))


@pytest.mark.usefixtures("freya")
@pytest.mark.parametrize("part", ["flow", "state", "code"])
async def test_what_belongs_to_another_browser_signs_nobody_in(harbor: Desk, part: str) -> None:
    """Somebody has a victim's page finish what he has begun himself, or the other way round."""
    own, others = await harbor.comes_back(), await harbor.comes_back()
    assert refused(await harbor.finishes({**own, part: others[part]}))
    assert (await harbor.signs_in()).status_code == 200


@pytest.mark.usefixtures("freya")
async def test_an_answer_of_another_provider_is_not_taken_for_this_ones(harbor: Desk) -> None:
    came = await harbor.comes_back()
    assert refused(await harbor.finishes({**came, "iss": "https://another.example"}))
    unnamed = {name: value for name, value in came.items() if name != "iss"}
    assert refused(await harbor.finishes(unnamed))
    assert (await harbor.finishes(came)).status_code == 200, "nothing was used up"


async def test_a_member_of_another_organization_is_nobody_here(
    served: Served, harbor: Desk
) -> None:
    await harbor.is_told_of(await served.somebody(Role.RESPONDER))
    assert refused(await harbor.signs_in())


async def test_who_is_no_longer_a_member_does_not_sign_in(harbor: Desk, freya: Somebody) -> None:
    await harbor.signs_in()
    await harbor.owner.post(f"/v1/members/{freya.id}/suspend")
    assert refused(await harbor.signs_in())


async def test_an_administrator_does_not_become_an_owner_by_a_provider_of_his_own(
    served: Served, harbor: Desk
) -> None:
    await harbor.is_told_of(harbor.owner)
    assert (await harbor.signs_in()).status_code == 200
    admin = (await served.somebody(Role.ADMIN, tenant=harbor.owner.tenant)).proven(served)
    changed = await admin.post(f"/v1/identity-providers/{harbor.id}", harbor.settings())
    assert changed.status_code == 200, changed.text
    assert refused(await harbor.signs_in())


async def test_a_second_factor_is_asked_for_all_the_same(
    served: Served, harbor: Desk, freya: Somebody
) -> None:
    proven = freya.proven(served)
    totp = TOTP(told(await proven.post("/v1/auth/totp"))["secret"])
    codes = told(await proven.post("/v1/auth/totp/confirm", {"code": totp.now()}))
    asked = await harbor.signs_in()
    assert told(asked)["code"] == "second_factor_required"
    passed = await harbor.signs_in(totp=codes["recovery_codes"][0])
    assert (await who(served, passed))["id"] == str(freya.id)


@pytest.mark.usefixtures("freya")
async def test_a_provider_that_is_down_or_talks_nonsense_is_told_apart_from_a_refusal(
    harbor: Desk,
) -> None:
    came = await harbor.comes_back()
    harbor.provider.signs = lambda claims: "x" * 20_000
    answer = await harbor.finishes(came)
    assert (answer.status_code, told(answer)["code"]) == (503, "unavailable")


async def guess(harbor: Desk) -> int:
    return (await harbor.finishes({"flow": "f", "state": "s", "code": "c"})).status_code


async def test_who_guesses_is_stopped(harbor: Desk) -> None:
    began_s = time.monotonic()
    assert await answered_until_stopped(lambda: guess(harbor)) in a_hundred(began_s)


async def test_behind_one_address_a_whole_office_signs_in(
    served: Served, harbor: Desk, freya: Somebody
) -> None:
    began_s = time.monotonic()
    for _ in range(100):
        await served.identity.guesses.come_from("127.0.0.1")
    assert (await harbor.signs_in()).status_code == 200
    assert (await harbor.proves(freya)).status_code == 200
    assert (await harbor.finishes(await harbor.comes_back())).status_code == 200
    assert 100 + await answered_until_stopped(lambda: guess(harbor)) in a_hundred(began_s)


async def test_only_a_page_that_was_set_is_come_back_to(harbor: Desk) -> None:
    path = f"/v1/auth/oidc/{harbor.id}/start"
    elsewhere = {"redirect_address": "https://thief.example/"}
    answer = await harbor.served.http.post(path, json=elsewhere)
    assert answer.status_code == 422
    missing = await harbor.served.http.post(path.replace(harbor.id, str(harbor.owner.id)))
    assert missing.status_code == 404


async def test_neither_the_secret_nor_the_subject_stands_anywhere_in_clear(
    harbor: Desk, freya: Somebody, database: Database
) -> None:
    await harbor.is_told_of(freya, sub="freya-of-the-harbor")
    assert (await harbor.signs_in()).status_code == 200
    listed = await harbor.owner.get("/v1/identity-providers")
    assert [each["id"] for each in told(listed)["items"]] == [harbor.id]
    stored = "".join(everything_stored(database).values())
    for secret in (CLIENT_SECRET, "freya-of-the-harbor"):
        assert secret not in listed.text + stored
