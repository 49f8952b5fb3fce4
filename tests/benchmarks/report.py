"""What a benchmark found, as one JSON object or as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """`passes`: the line that must be met, None where there is none. `stretch`: the aim."""

    passes: float | None
    stretch: float
    at_most: bool = False

    def against(self, ratio: float) -> dict[str, object]:
        return {
            "pass": self.passes,
            "met": None if self.passes is None else self._met(ratio, self.passes),
            "stretch": self.stretch,
            "stretch_met": self._met(ratio, self.stretch),
        }

    def _met(self, ratio: float, line: float) -> bool:
        return ratio <= line if self.at_most else ratio >= line


@dataclass(frozen=True, slots=True)
class Report:
    """`figures` are medians over rounds, `ratios` are quotients of two of them.

    `targets`: for some of both.
    """

    benchmark: str
    conditions: Mapping[str, object]
    figures: Mapping[str, float]
    ratios: Mapping[str, float]
    targets: Mapping[str, Target]

    def as_json(self) -> str:
        return json.dumps(
            {
                "benchmark": self.benchmark,
                "conditions": self.conditions,
                "figures": {name: round(value, 3) for name, value in self.figures.items()},
                "ratios": {name: round(value, 3) for name, value in self.ratios.items()},
                "targets": {
                    name: target.against(self._found[name]) for name, target in self._targets()
                },
            },
            indent=2,
        )

    def as_text(self) -> str:
        return "\n".join(self._lines())

    def _targets(self) -> Iterator[tuple[str, Target]]:
        """Those whose sides were measured."""
        return ((name, each) for name, each in self.targets.items() if name in self._found)

    @property
    def _found(self) -> Mapping[str, float]:
        return {**self.figures, **self.ratios}

    def _lines(self) -> Iterator[str]:
        yield f"{self.benchmark}"
        for name, condition in self.conditions.items():
            yield f"  {name:<36} {condition}"
        yield "figures (medians over the rounds)"
        for name, value in self.figures.items():
            yield f"  {name:<36} {value:>12,.2f}   {self._judged(name, value)}".rstrip()
        yield "ratios"
        for name, ratio in self.ratios.items():
            yield f"  {name:<36} {ratio:>12.3f}  {self._judged(name, ratio)}".rstrip()

    def _judged(self, name: str, ratio: float) -> str:
        if name not in self.targets:
            return ""
        target = self.targets[name]
        found = target.against(ratio)
        sign = "<=" if target.at_most else ">="
        lines = [("stretch", target.stretch, found["stretch_met"])]
        if target.passes is not None:
            lines.insert(0, ("pass", target.passes, found["met"]))
        return ", ".join(
            f"{kind} {sign} {line:g}: {'met' if met else 'not met'}" for kind, line, met in lines
        )
