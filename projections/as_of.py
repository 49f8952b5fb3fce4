"""A record as it stood at an earlier moment, by the fold that shows it at present."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import structlog

from projections.engine.folding import CannotFold
from projections.engine.log import Unreadable
from projections.engine.projection import Primary, Row
from write_model.kernel.messages import Recorded

log = structlog.get_logger(__name__)


class Stood(NamedTuple):
    """A document, and the event that brought it there."""

    document: Row
    last: Recorded

    def row(self, primary: Primary) -> Mapping[str, Any]:
        """What the projection's table held then, by column."""
        values = primary.values(self.document, self.last)
        return dict(zip(primary.table.names(), values, strict=True))


def folded(primary: Primary, events: Iterable[Recorded]) -> Stood | None:
    """One record after its events in order, up to the first that cannot be applied.

    None when that is the first of all.
    """
    stood: Stood | None = None
    for recorded in events:
        try:
            stood = Stood(_after(primary, stood, recorded), recorded)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  # a fold may refuse in any way
            log.warning("as_of.cut", type=recorded.topic, reason=type(error).__name__)
            break
    return stood


def _after(primary: Primary, stood: Stood | None, recorded: Recorded) -> Row:
    if isinstance(recorded.event, Unreadable):
        raise CannotFold(recorded.event.fault)
    return primary.fold(stood and stood.document, recorded)
