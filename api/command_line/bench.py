"""The benchmarks of the checkout: our side beside its references, on a Postgres of their own."""

from __future__ import annotations

import subprocess
import sys

import typer

from api.command_line.developing import CHECKOUT


def bench(context: typer.Context) -> None:
    """Measure append, command, live, rebuild, visible, reads or growth: NAME [--json]."""
    argv = [sys.executable, "-m", "tests.benchmarks", *context.args]
    raise typer.Exit(subprocess.run(argv, check=False, cwd=CHECKOUT).returncode)
