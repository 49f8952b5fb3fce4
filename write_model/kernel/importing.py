"""Imported history states what happened: guards become deviations on the event, never refusals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, NonNegativeInt, PositiveInt, Strict
from pydantic.dataclasses import dataclass as pydantic_dataclass

from write_model.kernel.errors import Refused
from write_model.kernel.messages import Moment

_DOCUMENTED = ConfigDict(use_attribute_docstrings=True)


@pydantic_dataclass(frozen=True, slots=True, kw_only=True, config=_DOCUMENTED)
class ImportedFrom:
    """The row of the old system that a command stands for."""

    row: Annotated[PositiveInt, Strict()]
    """Counts from 1 in the source."""
    step: Annotated[NonNegativeInt, Strict()] = 0
    """Counts the commands of one row from 0."""
    team: str | None = None
    """Whose it was from then on."""
    person: UUID | None = None
    """Who did it, and had it from then on, by id."""

    def is_after(self, other: ImportedFrom | None) -> bool:
        return other is None or (self.row, self.step) > (other.row, other.step)


Guard = tuple[str, bool, Refused]
"""A rule's name, whether it is broken, and how a live command is refused for it."""


def deviations(moment: Moment, guards: Sequence[Guard]) -> tuple[str, ...] | None:
    """The broken rules that an import writes down; None when there are none.

    Raises: the guard's refusal, for the first broken rule of a live command.
    """
    broken = tuple(_broken(moment, guards))
    return broken or None


def _broken(moment: Moment, guards: Sequence[Guard]) -> Iterator[str]:
    for rule, is_broken, refusal in guards:
        if is_broken and moment.actor.source != "import":
            raise refusal
        if is_broken:
            yield rule
