"""Who is meant by a subject id: the sealed values of people's own streams, straight from the log.

Not from a projection: a name must be there in the moment after its person was added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from write_model.kernel.asking import Pool, ask_one
from write_model.kernel.personal import Place, Sealed
from write_model.kernel.sealing import personal_fields
from write_model.kernel.serialization import decode

_NAMING = (
    "membership.listed",
    "membership.invited",
    "membership.renamed",
    "user.registered",
)
_EVENTS = """
    SELECT originator_id, command_id, topic, schema_version, state
    FROM log.read_streams(%s::uuid[], %s::uuid[], %s::bigint[])
    WHERE topic = ANY (%s) AND purged_by IS NULL
"""


@dataclass(frozen=True, slots=True)
class SealedField:
    field: str
    sealed: Sealed
    place: Place


async def sealed_fields(pool: Pool, tenant: UUID, streams: Sequence[UUID]) -> list[SealedField]:
    """Names and e-mail addresses as sealed in the streams of one tenant, older ones first."""
    parameters = ([tenant] * len(streams), list(streams), [0] * len(streams), list(_NAMING))
    rows = await ask_one(pool, tenant, _EVENTS, parameters)
    return [found for row in rows for found in _fields(tenant, *row)]


def _fields(
    tenant: UUID, stream: UUID, command: UUID, topic: str, schema_version: int, state: bytes
) -> list[SealedField]:
    event = decode(topic, schema_version, state)
    return [
        SealedField(name, getattr(event, name), Place(tenant, stream, command, name))
        for name in personal_fields(type(event))
    ]
