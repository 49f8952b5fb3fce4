"""What one look at an installation found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`advice`: a sentence that says what to do; empty when nothing is wrong."""

    about: str
    found: str
    advice: str = ""

    @property
    def is_well(self) -> bool:
        return not self.advice
