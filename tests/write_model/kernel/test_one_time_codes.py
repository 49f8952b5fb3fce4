"""Codes that are good once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag

from tests.identity import FREYA, INGE, MASTER
from write_model.kernel.kept_secrets import KeptSecrets
from write_model.kernel.one_time_codes import (
    RECOVERY_CODES,
    code_hash,
    enrolment_uri,
    new_secret,
    recovery_codes,
    spelled,
    step_of,
)

RFC = b"12345678901234567890"
"""The secret of RFC 6238, appendix B; of its eight digits the last six."""


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert step_of(RFC, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@pytest.mark.parametrize(
    ("late_s", "is_good"), [(-61, False), (-30, True), (0, True), (30, True), (61, False)]
)
def test_a_clock_may_be_a_step_off(late_s: int, is_good: bool) -> None:
    at = datetime.fromtimestamp(1111111109, UTC) + timedelta(seconds=late_s)
    assert (step_of(RFC, "081804", at) is not None) is is_good


def test_what_is_no_code_is_none() -> None:
    assert step_of(RFC, "oil", datetime.fromtimestamp(59, UTC)) is None


def test_an_app_reads_the_secret_from_the_address_without_a_name() -> None:
    secret = new_secret()
    assert f"secret={spelled(secret)}" in enrolment_uri(secret, str(FREYA))
    assert "issuer=Tallystick" in enrolment_uri(secret, str(FREYA))


def test_recovery_codes_are_ten_and_all_different() -> None:
    codes = recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    assert {len(code) for code in codes} == {19}


def test_a_recovery_code_is_the_same_however_it_is_spaced_and_its_owner_s_only() -> None:
    key = MASTER.key("recovery_codes")

    def hashed(code: str, user: UUID = FREYA) -> bytes:
        return code_hash(key, user, code)

    assert hashed("abcd-efgh") == hashed("ABCD EFGH") == hashed("abcdefgh")
    assert hashed("abcd-efgh") != hashed("abcd-efgh", INGE)


def test_a_kept_secret_opens_for_its_owner_only() -> None:
    kept = KeptSecrets(MASTER.key("second_factors"))
    sealed = kept.seal(RFC, FREYA)
    assert RFC not in sealed
    assert kept.open(sealed, FREYA) == RFC
    with pytest.raises(InvalidTag):
        kept.open(sealed, INGE)
    assert "key" not in repr(kept)
