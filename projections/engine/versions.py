"""Whether what is shown is what this code makes, or another release's."""

from __future__ import annotations

from projections.engine.catalog import Catalog
from projections.engine.log import Connection
from projections.engine.pointers import pointers
from projections.engine.projection import Mirror, Projection, Tally


class OtherRelease(Exception):
    """What is shown has other versions than this code makes: it may not write there."""


def outdated(connection: Connection, catalog: Catalog) -> list[str]:
    """The projections that this code makes newly, or otherwise than they are shown.

    With a primary projection those that are made from its documents.
    """
    shown = {pointer.name: pointer.version for pointer in pointers(connection)}
    raised = {each.name for each in catalog.projections if each.version > shown.get(each.name, 0)}
    return [each.name for each in catalog.projections if raised & {each.name, _made_from(each)}]


def _made_from(projection: Projection) -> str:
    return projection.of if isinstance(projection, Mirror | Tally) else projection.name


def must_be_shown(connection: Connection, catalog: Catalog, *, whole: bool = False) -> None:
    """Raises: OtherRelease for a projection that is shown in another version than the catalog's.

    `whole`: also for one that the catalog does not know.
    """
    versions = {each.name: each.version for each in catalog.projections}
    for shown in pointers(connection):
        ours = versions.get(shown.name, 0 if whole else shown.version)
        if ours != shown.version:
            raise OtherRelease(
                f"{shown.name} is shown in version {shown.version}; "
                f"this release makes {f'version {ours}' if ours else 'none'}."
            )
