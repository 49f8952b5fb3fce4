"""Who appears in an organization: roles and standing in clear, the display name sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never
from uuid import UUID

import orjson

from projections.engine import columns
from projections.engine.columns import Column
from projections.engine.projection import Primary, Row, TableSpec, Values
from write_model.kernel.messages import Recorded
from write_model.kernel.personal import Personal, Place, Sealed, travelling
from write_model.membership.events import (
    InvitationRenewed,
    MemberInvited,
    MemberRenamed,
    MembershipActivated,
    MembershipEvent,
    MembershipRemoved,
    MembershipSuspended,
    PersonListed,
    RolesChanged,
)

_LEADS_TO: Mapping[type[MembershipEvent], str] = {
    InvitationRenewed: "invited",
    MembershipActivated: "active",
    MembershipSuspended: "suspended",
}


def fold(row: Row | None, recorded: Recorded) -> Row:
    before = row or {"id": str(recorded.stream), "roles": []}
    event: MembershipEvent = recorded.event  # type: ignore[assignment]  # the topic says so
    return {**before, **_patch(event, recorded), "version": recorded.version}


def _patch(event: MembershipEvent, recorded: Recorded) -> Row:
    match event:
        case PersonListed(subject=subject, name=name):
            return {**_named(subject, name, recorded), "standing": "listed"}
        case MemberInvited(subject=subject, name=name, roles=roles):
            named = _named(subject, name, recorded)
            return {**named, "standing": "invited", "roles": [role.value for role in roles]}
        case MemberRenamed(subject=subject, name=name):
            return _named(subject, name, recorded)
        case InvitationRenewed() | MembershipActivated() | MembershipSuspended():
            return {"standing": _LEADS_TO[type(event)]}
        case RolesChanged(roles=roles):
            return {"roles": [role.value for role in roles]}
        case MembershipRemoved():
            return {"standing": "removed", "roles": []}
        case _:
            assert_never(event)


def _named(subject: UUID, name: Personal[str], recorded: Recorded) -> Row:
    if not isinstance(name, Sealed):
        raise TypeError("A stored name is always sealed.")
    place = Place(recorded.tenant, recorded.stream, recorded.command, "name")
    return {"subject": str(subject), "name": travelling(name, place)}


def _values(row: Row, recorded: Recorded) -> Values:
    return (
        recorded.stream,
        recorded.tenant,
        UUID(row["subject"]),
        recorded.version,
        recorded.position,
        row["standing"],
        orjson.dumps(row),
    )


PEOPLE = Primary(
    name="people",
    version=1,
    topics=("membership",),
    table=TableSpec(
        "people_v1",
        (
            Column("id", columns.UUID),
            Column("tenant_id", columns.UUID),
            Column("subject_id", columns.UUID),
            Column("version", columns.INT8),
            Column("position", columns.INT8),
            Column("standing", columns.TEXT),
            Column("document", columns.JSON),
        ),
    ),
    fold=fold,
    values=_values,
    headers=("tenant", "command"),
)
