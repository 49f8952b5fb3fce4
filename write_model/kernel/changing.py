"""Changed copies of frozen, slotted values, at half the price of `dataclasses.replace`.

`replace` runs `__init__`, which assigns every field past the freeze one by one: for the incident's
19 fields 5.4 µs against 2.1 through the slots themselves (measured), paid by every folded event.
"""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace as changed
else:

    def changed(value, /, **changes):
        """The value with some fields changed, for classes of two fields or more.

        Nothing else runs: no default and no `__post_init__`.
        """
        values_of, slots, slot = _layout(type(value))
        copy = object.__new__(type(value))
        for put, kept in zip(slots, values_of(value), strict=True):
            put(copy, kept)
        for name, new in changes.items():
            slot[name](copy, new)
        return copy

    @cache
    def _layout(cls):
        names = tuple(cls.__dataclass_fields__)
        slot = {name: getattr(cls, name).__set__ for name in names}
        return attrgetter(*names), tuple(slot.values()), slot


__all__ = ["changed"]
