"""`python -m api.command_line`, which the start script runs."""

from __future__ import annotations

from api.command_line.app import app

if __name__ == "__main__":
    app(prog_name="tallystick")
