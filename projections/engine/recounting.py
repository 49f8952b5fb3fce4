"""Tallies that are to be made anew: known until they are, whatever ends in between."""

from __future__ import annotations

from collections.abc import Collection
from typing import LiteralString

from projections.engine.catalog import Catalog
from projections.engine.log import Connection

_ASK: LiteralString = (
    "INSERT INTO projections.recounts (name) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
)
_ASKED: LiteralString = "SELECT name FROM projections.recounts WHERE name = ANY(%s) ORDER BY name"
_DONE: LiteralString = "DELETE FROM projections.recounts WHERE name = ANY(%s)"


def ask_for_recount(connection: Connection, names: Collection[str]) -> None:
    """In the transaction that makes it necessary."""
    if names:
        connection.execute(_ASK, (sorted(names),))


def to_recount(connection: Connection, catalog: Catalog) -> list[str]:
    """The names of the catalog's tallies that wait for it."""
    names = [each.name for each in catalog.projections]
    return [name for (name,) in connection.execute(_ASKED, (names,))]


def recounted(connection: Connection, names: Collection[str]) -> None:
    """In the transaction that shows the new counts."""
    connection.execute(_DONE, (list(names),))
