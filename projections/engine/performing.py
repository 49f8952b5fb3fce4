"""A request carried out: whole tables beside those in use, or chosen records in them."""

from __future__ import annotations

from projections.engine.catalog import Catalog
from projections.engine.choosing import EVERYTHING
from projections.engine.log import Connection
from projections.engine.mending import Mended, Mending
from projections.engine.progress import Told
from projections.engine.rebuilding import Rebuild, Rebuilt
from projections.engine.requests import Request, written_down


def perform(
    connection: Connection, beside: Connection, catalog: Catalog, request: Request, told: Told
) -> Rebuilt | Mended:
    """Rebuild, and write down `beside` how far it is.

    Raises: what `Rebuild.of` and `Mending.of` raise.
    """
    with written_down(beside, request, told) as noted:
        if request.choice == EVERYTHING:
            return Rebuild(connection, catalog, noted).of(request.names)
        return Mending(connection, catalog, noted).of(request.names, request.choice)
