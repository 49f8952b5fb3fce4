"""Drops client secrets that no identity provider in force names.

One is kept before the log names it, and dropped once the log names another: a command that is cut
off at either place leaves one that nobody needs.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import LiteralString, cast
from uuid import UUID

import structlog

from workers.connecting import Connection
from write_model.kernel.serialization import UnknownTopic, decode
from write_model.organization.events import OrganizationEvent
from write_model.organization.organization import Organization

_AFTER = "1 day"
"""Far longer than any command takes."""
_OLD: LiteralString = "SELECT tenant_id, secret_id FROM credentials.old_client_secrets(%s)"
_FORGET: LiteralString = "SELECT credentials.forget_client_secrets(%s)"
_ORGANIZATION: LiteralString = """
    SELECT topic, schema_version, state, actor_id, occurred_at FROM log.events
     WHERE originator_id = %s AND tenant_id = originator_id ORDER BY originator_version
"""

_log = structlog.get_logger("housekeeping")


def forget_unnamed(connection: Connection) -> int:
    """How many were dropped; where an organization's events cannot be read, none of its own."""
    old = connection.execute(_OLD, (_AFTER,)).fetchall()
    return sum(
        _forgotten(connection, tenant, {secret for _, secret in rows})
        for tenant, rows in groupby(old, key=itemgetter(0))
    )


def _forgotten(connection: Connection, tenant: UUID, secrets: set[UUID]) -> int:
    try:
        trusted = _folded(connection, tenant).identity_providers
    except (UnknownTopic, ValueError) as error:
        _log.warning("housekeeping.unreadable", tenant=str(tenant), reason=type(error).__name__)
        return 0
    unnamed = list(secrets - {each.secret for each in trusted})
    row = connection.execute(_FORGET, (unnamed,)).fetchone() if unnamed else None
    return int(row[0]) if row else 0


def _folded(connection: Connection, tenant: UUID) -> Organization:
    organization = Organization()
    for topic, schema_version, state, by, at in connection.execute(_ORGANIZATION, (tenant,)):
        event = cast("OrganizationEvent", decode(topic, schema_version, state))
        organization = organization.after(event, by=by, at=at)
    return organization
