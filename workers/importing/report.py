"""What an import did, as it is printed and as `--json` gives it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line of the source that did not go in, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Report:
    """Grows while the import runs.

    `commands` counts what this run sent and the server carried out; `deviations` the rules of
    live commands that the imported history broke, by rule.
    """

    cases: int = 0
    rows: int = 0
    commands: Counter[str] = field(default_factory=Counter[str])
    deviations: Counter[str] = field(default_factory=Counter[str])
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    wall_s: float = 0.0
    shown: float | None = None
    """How much of it the read side shows, from 0 to 1; None until that is waited for."""

    def reject(self, rejected: Rejected) -> None:
        self.rejected.append(rejected)

    def shown_of(self, position: int) -> Callable[[int], None]:
        """Hears how far the read side has come on its way to this position."""
        self.shown = 0.0

        def heard(reached: int) -> None:
            self.shown = reached / position

        return heard

    def as_json(self) -> dict[str, Any]:
        """The shape that scripts rely on; kinds and rules with the most frequent first."""
        sent = self.commands.total()
        return {
            "cases": self.cases,
            "rows": self.rows,
            "commands": dict(self.commands.most_common()),
            "deviations": dict(self.deviations.most_common()),
            "rejected": [{"line": bad.line, "reason": bad.reason} for bad in self._in_order()],
            "wall_s": round(self.wall_s, 3),
            "commands_per_s": round(sent / self.wall_s, 1) if self.wall_s else 0.0,
        }

    def _in_order(self) -> list[Rejected]:
        return sorted(self.rejected, key=lambda bad: (bad.line, bad.reason))
