"""What is kept for a time goes when its time is over, and nothing else does."""

from __future__ import annotations

from uuid import uuid4

import psycopg

from tests.embedded import Database
from workers.housekeeping.forgetting import Forgotten, forget
from write_model.kernel.settings import TAILER

_KEY = """
    INSERT INTO log.command_keys (tenant_id, actor_id, key, digest, command_id, stream_id, version,
                                  tenant_position, created_at)
    VALUES (%(id)s, %(id)s, %(key)s, '', %(id)s, %(id)s, 1, 1, now() - %(age)s::interval)
"""
_FAMILY = """
    INSERT INTO credentials.refresh_families (family_id, user_id, tenant_id, token_hash,
                                              created_at, expires_at)
    VALUES (%s, %s, %s, %s, now(), now() - %s::interval)
"""


def test_a_key_is_forgotten_after_a_week_and_an_ended_sign_in_after_a_month(
    database: Database,
) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as admin:
        for key, age in (("old", "8 days"), ("new", "6 days")):
            admin.execute(_KEY, {"id": uuid4(), "key": key, "age": age})
        for ended in ("31 days", "29 days"):
            admin.execute(_FAMILY, (uuid4(), uuid4(), uuid4(), bytes(32), ended))
        with psycopg.connect(database.conninfo(TAILER), autocommit=True) as connection:
            assert forget(connection) == Forgotten(command_keys=1, sign_ins=1)
            assert forget(connection) == Forgotten(command_keys=0, sign_ins=0)
        assert admin.execute("SELECT key FROM log.command_keys").fetchall() == [("new",)]
