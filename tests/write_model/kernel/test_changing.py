"""A changed copy is what `dataclasses.replace` makes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from write_model.kernel.changing import changed


@dataclass(frozen=True, slots=True)
class Forklift:
    number: int
    leaks: bool = False


def test_a_changed_copy_equals_a_replaced_one_and_leaves_the_original() -> None:
    dry = Forklift(3)
    assert changed(dry, leaks=True) == replace(dry, leaks=True)
    assert dry == Forklift(3)


def test_a_field_that_is_not_there_is_not_added() -> None:
    with pytest.raises(KeyError):
        changed(Forklift(3), wheels=4)  # type: ignore[call-arg]  # the checker sees the fault too
