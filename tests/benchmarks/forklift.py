"""The events that every side writes: incidents of four organizations, one of three sealed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from write_model.incident.events import IncidentDeclared, Priority, Severity
from write_model.kernel.ids import derived_id, new_id
from write_model.kernel.keyring import Keyring
from write_model.kernel.messages import IdempotencyKey
from write_model.kernel.personal import Clear, Place, seal
from write_model.kernel.serialization import encode
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.recorded_event import Append, RecordedEvent

DECLARED = "incident.declared"
# Looked up once: before Python 3.12 a member of an enumeration is found by Python code.
_SEVERITY, _PRIORITY = Severity.SEV2, Priority.HIGH
# The same in every process of a benchmark.
TENANTS = tuple(derived_id("tenant", number) for number in range(4))
ACTOR = derived_id("actor")
PEOPLE = tuple(derived_id("person", number) for number in range(100))
_STORY = (
    "Hydraulic oil under the left mast of forklift 7 in aisle 12 of the warehouse; the floor is"
    " slippery and the aisle is closed."
)

Keys = Mapping[tuple[UUID, UUID], bytes]


async def subject_keys(settings: Settings, tenants: Iterable[UUID] = TENANTS) -> Keys:
    """Keys to the personal data of a hundred people in each organization, made and committed."""
    async with AsyncConnectionPool[AsyncConnection[Any]](
        settings.conninfo(APP), min_size=1, kwargs={"autocommit": True}, open=False
    ) as pool:
        keyring = Keyring(pool, settings.master_secret())
        return {
            (tenant, subject): key
            for tenant in tenants
            for subject, key in (await keyring.keys_for(tenant, PEOPLE)).items()
        }


@dataclass(frozen=True, slots=True)
class Reports:
    """An endless row of declared incidents."""

    keys: Keys
    tenants: Sequence[UUID] = TENANTS

    def commands(self) -> Iterator[Append]:
        """As the door makes them: sealed, encoded, salted and with an idempotency key."""
        for turn in count():
            yield self._command(turn)

    def _command(self, turn: int) -> Append:
        tenant, stream, command = self.tenants[turn % len(self.tenants)], new_id(), new_id()
        person = PEOPLE[turn % len(PEOPLE)] if turn % 3 == 0 else None
        state = self._state(tenant, stream, command, person)
        row = RecordedEvent(
            stream,
            1,
            DECLARED,
            state,
            tenant=tenant,
            actor=ACTOR,
            command=command,
            correlation=command,
            source="api",
            salt=os.urandom(16),
        )
        key = IdempotencyKey(str(command), sha256(state).digest())
        return Append((row,), key, None, (person,) if person else ())

    def _state(self, tenant: UUID, stream: UUID, command: UUID, person: UUID | None) -> bytes:
        if person is None:
            return encode(_declared(description=_STORY))
        place = Place(tenant, stream, command, "injured")
        clear = Clear(person, "Jonas Lindqvist")
        sealed = seal(clear, self.keys[tenant, person], place, salt=os.urandom(16))
        return encode(_declared(injured=sealed))


def _declared(**fields: object) -> IncidentDeclared:
    return IncidentDeclared(
        title="The forklift leaks oil",
        severity=_SEVERITY,
        reporter=ACTOR,
        source="manual",
        priority=_PRIORITY,
        team="warehouse",
        **fields,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
