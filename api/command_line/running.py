"""Running Tallystick on this machine; the start script goes to the launcher without us."""

from __future__ import annotations

import os
import sys

import typer

_LAUNCHER = (sys.executable, "-m", "workers.launcher")


def up(context: typer.Context) -> None:
    """Run everything on this machine: [--home DIR] [--port N] [--workers N] [--user NAME]."""
    os.execv(sys.executable, [*_LAUNCHER, *context.args])


def dev(context: typer.Context) -> None:
    """The same as up, and api and projector start again when a source file was saved."""
    os.execv(sys.executable, [*_LAUNCHER, "--reload", *context.args])
