"""The projector's outer loop: steps, waits, renews its lease, and connects again after trouble."""

from __future__ import annotations

import threading
import time
from uuid import UUID

import structlog

from projections.catalog import CATALOG
from projections.engine.activity import Activity
from projections.engine.alone import AlreadyRebuilding
from projections.engine.catalog import Catalog
from projections.engine.checkpoint import Lease
from projections.engine.progress import Stopped
from projections.engine.projector import Projector, Shown
from projections.engine.rebuilding import RowsRefused
from projections.engine.versions import OtherRelease
from projections.engine.waiting import IDLE_S, pause_after
from workers.connecting import connected
from workers.projector.renewing import renew
from workers.projector.rounds import Rounds

_RENEW_S = 1.0
"""A fifth of the lease: four renewals may be late before another takes over."""

_STATEMENT_TIMEOUT_S = 30
_STANDS_BY_S = 1.0
_RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)
_RENEW_AGAIN_S = 300
"""A try reads the whole log, and it takes a person to make the next one end otherwise."""

_log = structlog.get_logger("projector")


def run(
    conninfo: str,
    *,
    holder: UUID,
    stop: threading.Event,
    catalog: Catalog = CATALOG,
    on_shown: Shown | None = None,
) -> None:
    """Project until `stop`; whatever goes wrong is logged and tried again from the checkpoint.

    First what this release makes otherwise than it is shown is rebuilt. Where another release has
    done that since, this one stands by.
    """
    failures, activity = 0, Activity(time.monotonic())
    while not stop.is_set():
        try:
            renew(conninfo, catalog, stop)
            with connected(conninfo, statement_timeout_s=_STATEMENT_TIMEOUT_S) as connection:
                projector = Projector(
                    connection, catalog, Lease(holder), is_alone=True, on_shown=on_shown
                )
                rounds = Rounds(projector, activity)
                rounds.step()
                failures = 0
                _project(rounds, stop)
        except Stopped:
            _log.info("projector.stopped")
        except (OtherRelease, AlreadyRebuilding) as error:
            _log.warning("projector.stands_by", reason=str(error))
            stop.wait(_STANDS_BY_S)
        except RowsRefused as error:
            _log.error("projector.not_renewed", reason=str(error), again_in_s=_RENEW_AGAIN_S)
            stop.wait(_RENEW_AGAIN_S)
        except Exception:  # noqa: BLE001  # the outer loop: from the checkpoint is always right
            _log.exception("projector.stumbled", again_in_s=_RETRY_S[failures])
            stop.wait(_RETRY_S[failures])
            failures = min(failures + 1, len(_RETRY_S) - 1)


def _project(rounds: Rounds, stop: threading.Event) -> None:
    projector = rounds.projector
    applied_at = renewed_at = time.monotonic()
    while not stop.is_set():
        events = rounds.step()
        now = time.monotonic()
        if events:
            applied_at = now
        elif now - renewed_at > _RENEW_S:
            projector.keep()
            renewed_at = now
        rounds.turn(now)
        if events < projector.batch_events:
            stop.wait(_pause(projector, now - applied_at, events))
    rounds.activity.tell(projector.connection, time.monotonic())
    projector.close()


def _pause(projector: Projector, silence_s: float, events: int) -> float:
    if projector.position is None:
        return 0.0 if events else IDLE_S  # What was undone is done anew at once.
    return pause_after(silence_s, events=events)
