"""`tallystick import`: old incidents with their real dates, from a log or any tracker's export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.command_line.import_options import AsJson, Concurrency, Home, Url

app = typer.Typer(no_args_is_help=True, help="Bring old incidents in, with their real dates.")

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
Map = Annotated[
    Path,
    typer.Option("--map", exists=True, dir_okay=False, readable=True, help="What it all means."),
]
Source = Annotated[str, typer.Option(help="Names the old system in every incident.")]

# What an import needs is loaded when it runs: half a second that no other command should pay.


@app.command()
def xes(
    file: File,
    as_json: AsJson = False,
    url: Url = None,
    home: Home = None,
    concurrency: Concurrency = 32,
    source: Source = "vinst",
) -> None:
    """An event log in XES (IEEE 1849), .xes or .xes.gz; run again, it sends only what is new.

    The token is taken from TALLYSTICK_TOKEN; without one the home's first login is used.
    """
    from api.command_line.import_run import run
    from workers.importing.xes import XesLog

    log = XesLog(file, name=source)
    run(lambda: log, as_json=as_json, url=url, home=home, concurrency=concurrency)


@app.command()
def csv(
    file: File,
    map_file: Map,
    as_json: AsJson = False,
    url: Url = None,
    home: Home = None,
    concurrency: Concurrency = 32,
) -> None:
    """A tracker's export, one line a change; MAP says what its columns and words mean.

    The token is taken from TALLYSTICK_TOKEN; without one the home's first login is used.
    """
    from api.command_line.import_run import run
    from workers.importing.csv_file import CsvFile
    from workers.importing.csv_map import read_map

    run(
        lambda: CsvFile(file, read_map(map_file)),
        as_json=as_json,
        url=url,
        home=home,
        concurrency=concurrency,
    )
