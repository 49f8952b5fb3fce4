from datetime import timedelta

import jwt
import pytest

from tests.identity import FREYA, HARBOR, MASTER, ToldTime
from write_model.kernel.errors import Unauthenticated
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.tokens import LIVES, AccessTokens, Claims

KEY = MASTER.key("tokens")
GOOD = {"iss": "tallystick", "aud": "tallystick", "sub": str(FREYA), "tid": str(HARBOR)}
TIMES = {"iat": 1_772_438_400, "exp": 1_772_439_000}
TYPE = {"typ": "at+jwt"}


def test_a_token_says_who_in_which_organization_until_when(clock: ToldTime) -> None:
    tokens = AccessTokens(MASTER, clock)
    token = tokens.issue(FREYA, HARBOR)
    assert tokens.verify(token) == Claims(FREYA, HARBOR, clock() + LIVES)
    assert tokens.verify(token) is tokens.verify(token)
    assert AccessTokens(MASTER, clock).verify(token) == tokens.verify(token)


def test_a_token_runs_out_even_when_it_was_seen_before(clock: ToldTime) -> None:
    tokens = AccessTokens(MASTER, clock)
    token = tokens.issue(FREYA, HARBOR)
    tokens.verify(token)
    clock.passes(LIVES - timedelta(seconds=1))
    tokens.verify(token)
    clock.passes(timedelta(seconds=1))
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.verify(token)
    with pytest.raises(Unauthenticated, match="expired"):
        AccessTokens(MASTER, clock).verify(token)


def encoded(claims: dict[str, object], key: bytes = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm, headers=TYPE)


FORGED = {
    "no token": "freya",
    "another secret": encoded({**GOOD, **TIMES}, MasterSecret(bytes(32)).key("tokens")),
    "another algorithm": encoded({**GOOD, **TIMES}, KEY * 2, "HS512"),
    "no signature": jwt.encode({**GOOD, **TIMES}, "", "none", headers=TYPE),
    "another audience": encoded({**GOOD, **TIMES, "aud": "forklift"}),
    "another issuer": encoded({**GOOD, **TIMES, "iss": "forklift"}),
    "no end": encoded({**GOOD, "iat": TIMES["iat"]}),
    "an end that is no time": encoded({**GOOD, **TIMES, "exp": "soon"}),
    "an end beyond time": encoded({**GOOD, **TIMES, "exp": 10**18}),
    "no person": encoded({**GOOD, **TIMES, "sub": "freya"}),
    "no organization": encoded({**GOOD, **TIMES, "tid": 7}),
    "another type": jwt.encode({**GOOD, **TIMES}, KEY, "HS256"),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_a_token_that_is_not_ours_is_refused(token: str, clock: ToldTime) -> None:
    with pytest.raises(Unauthenticated, match="not valid"):
        AccessTokens(MASTER, clock).verify(token)


def test_the_forged_tokens_differ_from_a_good_one_in_one_thing_each(clock: ToldTime) -> None:
    assert AccessTokens(MASTER, clock).verify(encoded({**GOOD, **TIMES})).subject == FREYA
