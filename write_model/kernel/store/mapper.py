"""Recorded events to the library's stored form and back, straight through pydantic-core.

The library's own mapper needs `vars()`, which slotted events do not have.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from eventsourcing.persistence import Mapper, StoredEvent

from write_model.kernel.messages import Event, Recorded
from write_model.kernel.serialization import decode, encode
from write_model.kernel.store.recorded_event import RecordedEvent


class EventMapper(Mapper[UUID]):
    """What the library's event store uses in place of `vars()` and a transcoder."""

    def to_stored_event(self, domain_event: Any) -> RecordedEvent:
        """A `Recorded` as a row with its headers."""
        recorded: Recorded = domain_event
        return RecordedEvent(
            recorded.stream,
            recorded.version,
            recorded.topic,
            encode(recorded.event),
            tenant=recorded.tenant,
            actor=recorded.actor,
            command=recorded.command,
            correlation=recorded.correlation,
            causation=recorded.causation,
            occurred_at=recorded.occurred_at,
            source=recorded.source,
            schema_version=recorded.schema_version,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The event itself; a row without headers is of the first schema version."""
        event: Event = decode(
            stored_event.topic, getattr(stored_event, "schema_version", 1), stored_event.state
        )
        return event
