"""How far a rebuild is, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    FOLDING = "folding"
    INDEXING = "indexing"
    CATCHING_UP = "catching up"
    SWAPPING = "swapping"


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total`: events of the log that were passed, over all parts of it."""

    phase: Phase
    done: int
    total: int


class Stopped(Exception):
    """Whoever is told wants it to end: what is shown stays, and the next one begins again."""


Told = Callable[[Progress], None]
