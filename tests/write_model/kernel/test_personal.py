"""A personal value opens with its own key, in its own place, unchanged, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_model.kernel.personal import (
    CannotOpen,
    Clear,
    Place,
    Sealed,
    arrived,
    seal,
    travelling,
    unseal,
)

FREYA, INGE, TENANT = UUID(int=1), UUID(int=2), UUID(int=3)
KEY, OTHER_KEY, SALT = b"k" * 32, b"o" * 32, b"s" * 16
PLACE = Place(TENANT, UUID(int=4), UUID(int=5), "injured")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(VALUES)
def test_what_was_sealed_opens_again(value: Any) -> None:
    sealed = seal(Clear(FREYA, value), KEY, PLACE, salt=SALT)
    assert sealed.subject == FREYA
    assert unseal(sealed, KEY, PLACE) == value


def test_a_sealed_value_travels_and_opens_where_it_arrives() -> None:
    sealed = seal(Clear(FREYA, "Freya Lind"), KEY, PLACE, salt=SALT)
    again, place = arrived(travelling(sealed, PLACE), TENANT)
    assert (again, place) == (sealed, PLACE)
    with pytest.raises(CannotOpen):
        unseal(*_elsewhere(sealed))


def _elsewhere(sealed: Sealed) -> tuple[Sealed, bytes, Place]:
    again, place = arrived(travelling(sealed, PLACE), UUID(int=9))
    return again, KEY, place


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, tenant=UUID(int=9)),
        replace(PLACE, stream=UUID(int=9)),
        replace(PLACE, command=UUID(int=9)),
        replace(PLACE, field="name"),
    ],
)
def test_it_opens_in_no_other_place(place: Place) -> None:
    sealed = seal(Clear(FREYA, "Freya Lind"), KEY, PLACE, salt=SALT)
    with pytest.raises(CannotOpen):
        unseal(sealed, KEY, place)


def test_it_opens_with_no_other_key_and_in_no_other_form() -> None:
    sealed = seal(Clear(FREYA, "Freya Lind"), KEY, PLACE, salt=SALT)
    with pytest.raises(CannotOpen):
        unseal(sealed, OTHER_KEY, PLACE)
    with pytest.raises(CannotOpen):
        unseal(replace(sealed, sealed=b"x" + sealed.sealed[1:]), KEY, PLACE)
    with pytest.raises(CannotOpen):
        unseal(replace(sealed, salt=b"t" * 16), KEY, PLACE)


def test_clear_values_are_equal_by_person_and_value_and_show_neither() -> None:
    clear = Clear(FREYA, "Freya Lind")
    assert clear == Clear(FREYA, "Freya Lind")
    assert hash(clear) == hash(Clear(FREYA, "Freya Lind"))
    assert clear not in (Clear(INGE, "Freya Lind"), Clear(FREYA, "Freya"), "Freya Lind")
    assert "Lind" not in repr(clear)
