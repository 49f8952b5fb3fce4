"""`tallystick demo`: invented incidents, sent as any import is."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from api.command_line.import_options import AsJson, Concurrency, Home, Url

Incidents = Annotated[int, typer.Option(min=1, max=10_000_000, help="How many to invent.")]
Seed = Annotated[int, typer.Option(help="The same seed invents the same incidents.")]


def demo(
    incidents: Incidents = 1_000,
    seed: Seed = 1,
    as_json: AsJson = False,
    url: Url = None,
    home: Home = None,
    concurrency: Concurrency = 32,
) -> None:
    """Fill a running server with invented incidents; a larger number only adds to them.

    More than 10,000 are written past the server, where this process can reach its database.
    """
    from api.command_line.import_run import run
    from workers.importing.generator import Generated
    from workers.importing.inventing import WORTH_IT, Inventing, at_hand
    from write_model.kernel.settings import Settings

    source = Generated(incidents=incidents, seed=seed)
    settings = Settings(home=home.expanduser()) if home else Settings()
    found = at_hand(settings) if url is None and incidents > WORTH_IT else None
    way = partial(Inventing, source=source, settings=found) if found else None
    run(lambda: source, way=way, as_json=as_json, url=url, home=home, concurrency=concurrency)
