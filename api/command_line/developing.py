"""For who changes Tallystick: tests, checks and benchmarks of the checkout this file lies in."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import typer

CHECKOUT = Path(__file__).parents[2]

_WHOLE_RUN = ("-n", "auto", "--dist", "worksteal", "--cov", "--cov-report", "term")
_FLAGS_OF_A_WHOLE_RUN = {"--all", "-v", "-q", "-x"}


def test(context: typer.Context) -> None:
    """Run the tests: [--all] [what pytest takes]; without a choice all, on every core.

    A whole run also asks for every branch of the write model and the projections.
    """
    whole = set(context.args) <= _FLAGS_OF_A_WHOLE_RUN
    pytest = [sys.executable, "-m", "pytest", *(_WHOLE_RUN if whole else ()), *context.args]
    _become(*pytest)


def check() -> None:
    """Format, lint, types, import contracts and dependencies."""
    _become(str(CHECKOUT / "scripts" / "check"))


def bench(context: typer.Context) -> None:
    """Measure our side beside its references, on servers of their own: NAME [--json].

    `--help` lists the names.
    """
    _become(sys.executable, "-m", "tests.benchmarks", *context.args)


def _become(*argv: str) -> NoReturn:
    """A child would be killed a moment after Ctrl-C, before it has told what it found."""
    tools = str(Path(sys.executable).parent)
    path = os.pathsep.join([tools, os.environ.get("PATH", os.defpath)])
    os.chdir(CHECKOUT)
    os.execvpe(argv[0], argv, {**os.environ, "PATH": path})
