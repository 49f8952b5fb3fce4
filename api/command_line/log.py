"""`tallystick log`: what an operator says of the log after it was restored."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from api.command_line.projecting import asked, print_json

app = typer.Typer(no_args_is_help=True, help="Tell the log that it was restored from a backup.")

# A command of its own name, though it is the only one: others will stand beside it.
app.callback()(lambda: None)


@app.command()
def restored(
    reason: Annotated[
        str, typer.Option(help="Kept with the branch, such as `restored` or `promoted`.")
    ] = "restored",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
    home: Annotated[
        Path | None, typer.Option(help="The data home; DATABASE_URL goes before it.")
    ] = None,
) -> None:
    """Begin another branch of the log: run this once after a restore or promotion that lost events.

    Positions that were lost are given out again from here on. Clients that have read them are told
    410 `log_restored`, and what is shown goes back to where the branch begins.
    """
    from write_model.kernel.settings import OWNER
    from write_model.kernel.store.epochs import begin_epoch

    epoch = asked(home, partial(begin_epoch, reason=reason), role=OWNER)
    if as_json:
        print_json({"epoch": epoch.number, "first_position": epoch.first_position})
        return
    typer.echo(f"Epoch {epoch.number} begins at position {epoch.first_position} of the log.")
