"""`python -m tests.house.weaknesses`: whether a library that users get has a published weakness.

pip-audit asks whom the machine's network lets it ask; where nobody answers, that is said, and
nothing fails. One that is found fails until it is mended, or until pyproject.toml says how severe
it is here and since when it is known: then from the day on that SECURITY.md has promised. What
was published overnight holds up no change: in CI one that nobody has judged is told only.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.house.files import CHECKOUT, text_of

_LOCK = CHECKOUT / "requirements.lock"
_PROMISE = re.compile(r"^\| (\w+)(?:, [\d.]+ and more)? \| (\d+) \|$", re.MULTILINE)
_PATIENCE_S = 60
_NOBODY = "Nobody could be asked for published weaknesses: nothing was checked."

Report = Mapping[str, Any]
"""What pip-audit prints by `--format json`."""
Known = Mapping[str, Mapping[str, Any]]
"""Weakness -> `severity` and `since`."""


def days_to_mend() -> dict[str, int]:
    """Severity -> days, as SECURITY.md promises."""
    return {severity: int(days) for severity, days in _PROMISE.findall(_text("SECURITY.md"))}


def known_here() -> Known:
    tools: dict[str, Any] = tomllib.loads(_text("pyproject.toml"))["tool"]
    known: Known = tools.get("tallystick", {}).get("weaknesses", {})
    return known


def was_checked(report: Report) -> bool:
    """Whether anybody knew any of the libraries."""
    return any("vulns" in each for each in report["dependencies"])


def unjudged(report: Report, known: Known) -> Iterator[str]:
    """A sentence for each weakness that nobody has looked at."""
    for weakness, named in _found(report):
        if weakness not in known:
            yield (
                f"{named}. Take that by scripts/lock, or name severity and since in"
                " [tool.tallystick.weaknesses] of pyproject.toml."
            )


def overdue(report: Report, known: Known, today: date) -> Iterator[str]:
    """A sentence for each whose days are over."""
    for weakness, named in _found(report):
        if weakness in known and (due := _due(known[weakness])) < today:
            yield f"{named}; that was to be done by {due}."


def _found(report: Report) -> Iterator[tuple[str, str]]:
    """Its name, and a sentence without its end."""
    for library in report["dependencies"]:
        for weakness in library.get("vulns", ()):
            mended = " or ".join(weakness["fix_versions"]) or "no release yet"
            named = f"{library['name']} {library['version']} has {weakness['id']}"
            yield weakness["id"], f"{named}, mended in {mended}"


def _due(said: Mapping[str, Any]) -> date:
    since: date = said["since"]
    return since + timedelta(days=days_to_mend()[said["severity"]])


def _asked() -> Report | None:
    argv = ("pip_audit", "--requirement", str(_LOCK), "--require-hashes", "--disable-pip")
    try:
        told = subprocess.run(
            [sys.executable, "-m", *argv, "--format", "json", "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        return None
    return report_of(told.stdout)


def report_of(printed: str) -> Report | None:
    """None for what is no report: a fault of the network is printed elsewhere."""
    try:
        report: Report = json.loads(printed)
    except json.JSONDecodeError:
        return None
    return report


def _text(name: str) -> str:
    return text_of(CHECKOUT / name)


def main() -> int:
    report = _asked()
    if report is None or not was_checked(report):
        print(_NOBODY)
        return 0
    new = list(unjudged(report, known_here()))
    late = list(overdue(report, known_here(), datetime.now(UTC).date()))
    looked_up = sum("vulns" in each for each in report["dependencies"])
    told = f"{looked_up} of {len(report['dependencies'])} libraries were looked up."
    print(told, *new, *late, sep="\n")
    return 1 if late or (new and "CI" not in os.environ) else 0


if __name__ == "__main__":
    sys.exit(main())
