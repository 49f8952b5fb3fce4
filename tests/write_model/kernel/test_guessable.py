"""Which passwords are easy to guess although they are long enough."""

import pytest

from write_model.kernel.common_passwords import SHORTEST, common_passwords
from write_model.kernel.errors import Invalid
from write_model.kernel.guessable import must_be_hard_to_guess

ABOUT = ("Freya Lind", "freya.l@harbor.example", "Harbor Logistics")


def test_more_than_three_thousand_are_known_and_each_could_be_chosen() -> None:
    known = common_passwords()
    assert len(known) > 3_000
    assert min(map(len, known)) == SHORTEST


@pytest.mark.parametrize(
    "common",
    [
        "password1234",
        "P@ssw0rd!!!!",
        "Passw0rd2026!",
        "123456pa$$word",
        "passwordpassword",
        "1234-Welcome-1234",
        "letmein12345",
        "iloveyou2024",
        "qwertyuiop123",
        "QWERTYUIOPASDF",
        "1qaz2wsx3edc",
        "zxcasdqwe123",
        "123456789012",
        "123456654321",
        "121212121212",
        "aaaaaaaaaaaa",
        "            ",
    ],
)
def test_a_common_one_is_refused_however_it_is_dressed_up(common: str) -> None:
    with pytest.raises(Invalid, match="choose another, such as four words") as refused:
        must_be_hard_to_guess(common, field="new_password")
    assert refused.value.field == "new_password"


@pytest.mark.parametrize(
    "named",
    [
        "Tallystick2026",
        "t4lly5tick!!",
        "freya1234567",
        "Freya Lind 2026",
        "LindFreya1987!",
        "freya.l@harbor.example",
        "!!Harb0r2026!!",
        "Harbor-Logistics",
        "harbortallystick",
        "freyafreyafreya",
    ],
)
def test_one_about_its_owner_is_refused(named: str) -> None:
    with pytest.raises(Invalid, match="name") as refused:
        must_be_hard_to_guess(named, field="password", about=ABOUT)
    assert refused.value.field == "password"


def test_names_are_known_without_their_marks() -> None:
    with pytest.raises(Invalid):
        must_be_hard_to_guess("asebjorn1987", field="password", about=("Åse Björn",))


@pytest.mark.parametrize(
    "hard",
    [
        "oil under the forklift",
        "correct horse battery staple",
        "Freya spills no oil",
        "harbor lights at 4711",
        "839201748362",
        "blåbærsyltetøy",
    ],
)
def test_any_other_is_taken_whatever_it_is_made_of(hard: str) -> None:
    must_be_hard_to_guess(hard, field="password", about=(*ABOUT, "", "Bo A", "12"))
