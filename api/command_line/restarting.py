"""`tallystick restart`: puts new api processes in the place of those that run; no request fails."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path | None, typer.Option(help="The data home that it runs on.")]


def restart(home: Home = None) -> None:
    """Replace every api process by a new one, one at a time, after an update.

    A new one answers before the old one leaves; clients are told to connect again and lose nothing.
    """
    from workers.launcher import restarting
    from write_model.kernel.homes import default_home

    try:
        restarting.restart(home.expanduser() if home else default_home())
    except restarting.NotRestarted as error:
        typer.echo(f"tallystick: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo("The api was replaced.")
