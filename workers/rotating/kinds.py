"""The four kinds of what is kept under the master secret, each made anew a batch at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

from workers.connecting import Connection
from workers.rotating.change import Change
from write_model.kernel.access import SYSTEM
from write_model.kernel.personal import Place, Sealed
from write_model.kernel.serialization import decode
from write_model.user.events import UserRegistered

_BATCH = 1_000
_BLIND_BYTES = 32
_ZERO = UUID(int=0)
"""No row's key: every page begins behind one."""

Row = tuple[Any, ...]
Updates = Iterator[Row]


@dataclass(frozen=True, slots=True)
class Kind:
    """`page` locks the rows behind a key of `width` columns, in the order of that key.

    `updates`: the parameters of `update` for those of them that are not made anew yet.
    """

    name: str
    count: LiteralString
    page: LiteralString
    update: LiteralString
    updates: Callable[[Connection, Change, Sequence[Row]], Updates]
    width: int = 1

    def batches(self, connection: Connection, change: Change) -> Iterator[int]:
        """How many rows each batch has looked at; every batch is a transaction."""
        after: Row | None = (_ZERO,) * self.width
        while after is not None:
            with connection.transaction():
                rows = connection.execute(self.page, (*after, _BATCH)).fetchall()
                changed = list(self.updates(connection, change, rows))
                connection.cursor().executemany(self.update, changed)
            yield len(rows)
            after = rows[-1][: self.width] if len(rows) == _BATCH else None

    def rows(self, connection: Connection) -> int:
        row = connection.execute(self.count).fetchone()
        return row[0] if row else 0


def _rewrapped(_: Connection, change: Change, rows: Sequence[Row]) -> Updates:
    for tenant, subject, wrapped, key_id in rows:
        if (anew := change.rewrapped((tenant, subject), wrapped, key_id)) is not None:
            yield anew, change.key_id, tenant, subject


def _resealed(purpose: str, _: Connection, change: Change, rows: Sequence[Row]) -> Updates:
    for owner, sealed in rows:
        if (anew := change.resealed(purpose, owner, sealed)) is not None:
            yield anew, owner


def _found_anew(connection: Connection, change: Change, rows: Sequence[Row]) -> Updates:
    """A login whose address cannot be read belongs to nobody (erased, or never came to be)."""
    blind = dict(_blind_emails(connection, change, [user for user, _ in rows]))
    for user, before in rows:
        anew = blind.get(user) or os.urandom(_BLIND_BYTES)
        if anew != before:
            yield anew, user


def _blind_emails(
    connection: Connection, change: Change, users: list[UUID]
) -> Iterator[tuple[UUID, bytes]]:
    keys = {
        user: (wrapped, key_id) for user, wrapped, key_id in connection.execute(_KEYS, (users,))
    }
    for user, command, version, state in _registered(connection, users):
        registered = decode(UserRegistered.topic, version, state)
        assert isinstance(registered, UserRegistered)
        assert isinstance(registered.email, Sealed)
        if user in keys:
            place = Place(SYSTEM, user, command, "email")
            yield user, change.blind_email(*keys[user], registered.email, place)


def _registered(connection: Connection, users: list[UUID]) -> Sequence[Row]:
    # The writer's: it alone reads the whole log without being asked for an organization.
    connection.execute("SET LOCAL ROLE tallystick_writer")
    found = connection.execute(_REGISTERED, (users, UserRegistered.topic)).fetchall()
    connection.execute("SET LOCAL ROLE tallystick_owner")
    return found


_KEYS = """
    SELECT subject_id, wrapped, key_id FROM personal.subject_keys
    WHERE tenant_id = '00000000-0000-0000-0000-000000000000' AND subject_id = ANY (%s)
      AND erased_at IS NULL
"""
_REGISTERED = """
    SELECT originator_id, command_id, schema_version, state FROM log.events
    WHERE originator_id = ANY (%s) AND topic = %s AND purged_by IS NULL
"""

KINDS = (
    Kind(
        "people's keys",
        "SELECT count(*) FROM personal.subject_keys WHERE erased_at IS NULL",
        """
        SELECT tenant_id, subject_id, wrapped, key_id FROM personal.subject_keys
        WHERE (tenant_id, subject_id) > (%s, %s) AND erased_at IS NULL
        ORDER BY tenant_id, subject_id LIMIT %s FOR UPDATE
        """,
        """
        UPDATE personal.subject_keys SET wrapped = %s, key_id = %s
        WHERE tenant_id = %s AND subject_id = %s
        """,
        _rewrapped,
        width=2,
    ),
    Kind(
        "logins",
        "SELECT count(*) FROM credentials.logins",
        """
        SELECT user_id, blind_email FROM credentials.logins
        WHERE user_id > %s ORDER BY user_id LIMIT %s FOR UPDATE
        """,
        "UPDATE credentials.logins SET blind_email = %s WHERE user_id = %s",
        _found_anew,
    ),
    Kind(
        "second factors",
        "SELECT count(*) FROM credentials.second_factors",
        """
        SELECT user_id, sealed FROM credentials.second_factors
        WHERE user_id > %s ORDER BY user_id LIMIT %s FOR UPDATE
        """,
        "UPDATE credentials.second_factors SET sealed = %s WHERE user_id = %s",
        partial(_resealed, "second_factors"),
    ),
    Kind(
        "client secrets",
        "SELECT count(*) FROM credentials.client_secrets",
        """
        SELECT secret_id, sealed FROM credentials.client_secrets
        WHERE secret_id > %s ORDER BY secret_id LIMIT %s FOR UPDATE
        """,
        "UPDATE credentials.client_secrets SET sealed = %s WHERE secret_id = %s",
        partial(_resealed, "client_secrets"),
    ),
)
"""In this order: an address is read by its owner's key."""
