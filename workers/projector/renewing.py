"""What a new release makes otherwise is rebuilt before it projects, beside what is shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from projections.engine.catalog import Catalog
from projections.engine.performing import perform
from projections.engine.progress import Progress, Stopped
from projections.engine.requests import Request
from projections.engine.versions import outdated
from workers.connecting import connected
from write_model.kernel.ids import new_id

_STATEMENT_TIMEOUT_S = 30
_SAID_EVERY_S = 5.0

_log = structlog.get_logger("projector")


def renew(conninfo: str, catalog: Catalog, stop: threading.Event) -> None:
    """Rebuild the projections whose version was raised, or that are new.

    A projector of the former release goes on meanwhile, until the new tables take their place.
    Raises: Stopped; what `Rebuild.of` raises.
    """
    with connected(conninfo, statement_timeout_s=_STATEMENT_TIMEOUT_S) as connection:
        names = outdated(connection, catalog)
        if not names:
            return
        with connected(conninfo, statement_timeout_s=_STATEMENT_TIMEOUT_S) as beside:
            _log.info("projector.renews", names=names)
            perform(connection, beside, catalog, Request(new_id(), names), _said_until(stop))
            _log.info("projector.renewed", names=names)


def _said_until(stop: threading.Event) -> Callable[[Progress], None]:
    said_s = time.monotonic()

    def said(progress: Progress) -> None:
        nonlocal said_s
        if stop.is_set():
            raise Stopped
        if time.monotonic() - said_s > _SAID_EVERY_S:
            said_s = time.monotonic()
            share = round(progress.done / max(progress.total, 1), 2)
            _log.info("projector.renewing", phase=progress.phase, share=share)

    return said
