"""For who changes Tallystick: its tests and its checks, in the checkout that this file lies in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
    raise typer.Exit(_run(*pytest))


def check() -> None:
    """Format, lint, types, import contracts and dependencies."""
    raise typer.Exit(_run(str(CHECKOUT / "scripts" / "check")))


def _run(*argv: str) -> int:
    tools = str(Path(sys.executable).parent)
    path = os.pathsep.join([tools, os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path}
    return subprocess.run(argv, check=False, cwd=CHECKOUT, env=environment).returncode
