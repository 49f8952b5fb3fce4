"""What every import can be told on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")]
Url = Annotated[str | None, typer.Option(help="The server; by default the one of the home.")]
Home = Annotated[Path | None, typer.Option(help="The data home whose first login is used.")]
Concurrency = Annotated[
    int, typer.Option(min=1, max=512, help="How many cases are sent side by side.")
]
