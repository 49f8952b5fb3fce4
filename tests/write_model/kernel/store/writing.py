"""Commands for the log, written by hand: what the door would send."""

from __future__ import annotations

from uuid import UUID

from write_model.kernel.ids import new_id
from write_model.kernel.messages import IdempotencyKey
from write_model.kernel.store.recorded_event import Append, Appended, RecordedEvent, Verdict

NORTH, SOUTH = UUID(int=0xA0), UUID(int=0xB0)
"""Two organizations."""
MARA, JONAS = UUID(int=0xC0), UUID(int=0xD0)
"""Two people."""


def rows(
    stream: UUID,
    *versions: int,
    tenant: UUID = NORTH,
    command: UUID | None = None,
    topic: str = "forklift.leaked",
    source: str = "api",
) -> tuple[RecordedEvent, ...]:
    """Rows of one stream, of a new command unless one is given."""
    command = command or new_id()
    return tuple(
        RecordedEvent(
            stream,
            version,
            topic,
            b"{}",
            tenant=tenant,
            actor=MARA,
            command=command,
            correlation=command,
            source=source,
        )
        for version in versions or (1,)
    )


def command(stream: UUID | None = None, *versions: int, tenant: UUID = NORTH) -> Append:
    """A command on one stream, a new one unless it is given."""
    return Append(rows(stream or new_id(), *versions, tenant=tenant))


def key(name: str = "oil-1", digest: bytes = bytes(32)) -> IdempotencyKey:
    return IdempotencyKey(name, digest)


def appended(verdict: Verdict) -> Appended:
    assert isinstance(verdict, Appended)
    return verdict
