import asyncio

import pytest
from argon2 import PasswordHasher

from tests.identity import QUICK
from write_model.kernel.errors import Overloaded
from write_model.kernel.passwords import HASHER, Passwords, Verdict

OIL = "oil under the forklift"


async def test_a_password_is_known_again_and_no_other_is() -> None:
    passwords = Passwords(QUICK)
    kept = await passwords.hashed(OIL)
    assert await passwords.verified(OIL, kept) == Verdict(True)
    assert await passwords.verified("water under the forklift", kept) == Verdict(False)


async def test_hashes_follow_the_recommended_parameters() -> None:
    assert (await Passwords().hashed(OIL)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert HASHER.hash_len == 32


async def test_nobody_has_no_password_not_even_the_one_that_stands_in() -> None:
    passwords = Passwords(QUICK)
    assert await passwords.verified("nobody has this password", None) == Verdict(False)


async def test_a_hash_with_older_parameters_is_made_anew_at_the_next_sign_in() -> None:
    kept = await Passwords(QUICK).hashed(OIL)
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    verdict = await stronger.verified(OIL, kept)
    assert verdict.matches
    assert verdict.rehash is not None
    assert await stronger.verified(OIL, verdict.rehash) == Verdict(True)


async def test_a_damaged_hash_matches_nothing() -> None:
    assert await Passwords(QUICK).verified(OIL, "$argon2id$damaged") == Verdict(False)


async def test_who_finds_too_many_waiting_is_told_to_come_back() -> None:
    passwords = Passwords(QUICK, at_once=1, waiting=1)
    answers = await asyncio.gather(
        *(passwords.hashed(OIL) for _ in range(4)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [str, str, Overloaded, Overloaded]
    with pytest.raises(Overloaded):
        await Passwords(QUICK, at_once=0, waiting=0).verified(OIL, None)
    assert await passwords.verified(OIL, str(answers[0])) == Verdict(True)
