"""Rebuilds that were asked for over the API, carried out one after another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from projections.catalog import CATALOG
from projections.engine.alone import AlreadyRebuilding
from projections.engine.catalog import Catalog
from projections.engine.performing import perform
from projections.engine.progress import Progress, Stopped
from projections.engine.recounting import to_recount
from projections.engine.requests import Request, next_request
from projections.engine.versions import OtherRelease, must_be_shown
from workers.connecting import Connection, connected
from write_model.kernel.ids import new_id

_LOOK_EVERY_S = 1.0
_RETRY_S = 5.0
_STATEMENT_TIMEOUT_S = 30

_log = structlog.get_logger("rebuilding")


def run(conninfo: str, *, stop: threading.Event, catalog: Catalog = CATALOG) -> None:
    """Look for requests until `stop`; a database that does not answer is asked again soon.

    First the tallies are made anew that wait for it since a mending was killed; once, so that one
    that fails does not keep requests from their turn.
    """
    begins = True
    while not stop.is_set():
        try:
            with connected(conninfo, statement_timeout_s=_STATEMENT_TIMEOUT_S) as beside:
                if begins:
                    begins = False
                    recount(conninfo, beside, catalog, stop)
                while not stop.wait(_LOOK_EVERY_S):
                    carry_out_next(conninfo, beside, catalog, stop)
        except Stopped:
            _log.info("rebuilding.stopped")
        except Exception as error:  # noqa: BLE001  # the outer loop: what was begun is begun again
            _log.warning("rebuilding.stumbled", reason=type(error).__name__, again_in_s=_RETRY_S)
            stop.wait(_RETRY_S)


def recount(conninfo: str, beside: Connection, catalog: Catalog, stop: threading.Event) -> None:
    """Nothing when somebody else rebuilds at present, who makes these anew too."""
    if names := to_recount(beside, catalog):
        with suppress(AlreadyRebuilding):
            _carry_out(conninfo, beside, catalog, Request(new_id(), names), stop)


def carry_out_next(
    conninfo: str, beside: Connection, catalog: Catalog, stop: threading.Event
) -> None:
    """Nothing when nobody has asked, somebody else rebuilds, or another release is shown."""
    try:
        if request := next_request(beside):
            must_be_shown(beside, catalog, whole=True)
            _carry_out(conninfo, beside, catalog, request, stop)
    except (AlreadyRebuilding, OtherRelease) as error:
        _log.debug("rebuilding.waits", reason=str(error))


def _carry_out(
    conninfo: str, beside: Connection, catalog: Catalog, request: Request, stop: threading.Event
) -> None:
    _log.info("rebuilding.begins", id=request.id, names=request.names)
    with connected(conninfo, statement_timeout_s=_STATEMENT_TIMEOUT_S) as connection:
        rebuilt = perform(connection, beside, catalog, request, _until(stop))
    _log.info("rebuilding.done", id=request.id, events=rebuilt.events, parked=rebuilt.parked)


def _until(stop: threading.Event) -> Callable[[Progress], None]:
    def told(_: Progress) -> None:
        if stop.is_set():
            raise Stopped

    return told
