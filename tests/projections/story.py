"""The forklift that leaks oil, as events of a log that tests write themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from write_model.kernel.access import Source
from write_model.kernel.ids import derived_id
from write_model.kernel.messages import Event, Recorded
from write_model.kernel.serialization import encode

NORTH = UUID("0197a000-0000-7000-8000-00000000000a")
SOUTH = UUID("0197a000-0000-7000-8000-00000000000b")
MONDAY = datetime(2026, 2, 2, 8, 0, tzinfo=UTC)
MARA = UUID("0197a000-0000-7000-8000-0000000000aa")
JONAS = UUID("0197a000-0000-7000-8000-0000000000bb")


def stream(name: str) -> UUID:
    return derived_id("story", name)


@dataclass
class Story:
    """Records events one after another, as the append would: dense, by tenant, numbered."""

    events: list[Recorded] = field(default_factory=list[Recorded])
    epoch: int = 1
    _versions: dict[UUID, int] = field(default_factory=dict[UUID, int])
    _positions: dict[UUID, int] = field(default_factory=dict[UUID, int])
    _numbers: dict[tuple[UUID, str], int] = field(default_factory=dict[tuple[UUID, str], int])

    def tell(
        self,
        name: str,
        event: Event,
        *,
        tenant: UUID = NORTH,
        by: UUID = MARA,
        occurred: datetime | None = None,
        source: Source = "api",
    ) -> Recorded:
        """One more event on the stream called `name`, a minute after the one before."""
        id_ = stream(name)
        version = self._versions[id_] = self._versions.get(id_, 0) + 1
        tenant_position = self._positions[tenant] = self._positions.get(tenant, 0) + 1
        position = len(self.events) + 1
        recorded_at = MONDAY + timedelta(minutes=position)
        command = derived_id("command", position)
        recorded = Recorded(
            event=event,
            topic=event.topic,
            stream=id_,
            version=version,
            position=position,
            epoch=self.epoch,
            tenant=tenant,
            tenant_position=tenant_position,
            number=self._number(tenant, event) if version == 1 else None,
            actor=by,
            command=command,
            correlation=command,
            causation=None,
            recorded_at=recorded_at,
            occurred_at=occurred or recorded_at,
            source=source,
            schema_version=event.schema_version,
        )
        self.events.append(recorded)
        return recorded

    def _number(self, tenant: UUID, event: Event) -> int:
        kind = tenant, event.topic.partition(".")[0]
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return self._numbers[kind]


_COPY = (
    "COPY log.events (originator_id, originator_version, topic, state, notification_id, epoch,"
    " tenant_id, tenant_position, number, actor_id, command_id, correlation_id, causation_id,"
    " recorded_at, occurred_at, source, schema_version, salt) FROM STDIN"
)


def write_log(connection: psycopg.Connection[Any], events: Iterable[Recorded]) -> None:
    """Put events into the log as they are, as a superuser may."""
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for recorded in events:
            copy.write_row(row_of(recorded))


def row_of(recorded: Recorded) -> tuple[Any, ...]:
    return (
        recorded.stream,
        recorded.version,
        recorded.topic,
        encode(recorded.event),
        recorded.position,
        recorded.epoch,
        recorded.tenant,
        recorded.tenant_position,
        recorded.number,
        recorded.actor,
        recorded.command,
        recorded.correlation,
        recorded.causation,
        recorded.recorded_at,
        recorded.occurred_at,
        recorded.source,
        recorded.schema_version,
        None,
    )
