"""What is kept for a time goes when its time is over, and nothing else does."""

from __future__ import annotations

from datetime import timedelta
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


_ACCESS = """
    INSERT INTO access.access_log (tenant_id, at, actor_id, what, permission, target, outcome)
    VALUES (%(id)s, now() - %(age)s::interval, %(id)s, '', '', %(target)s, 'forbidden')
"""
_YEAR = timedelta(days=365)


def test_a_key_is_forgotten_after_a_week_and_an_ended_sign_in_after_a_month(
    database: Database,
) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as admin:
        for key, age in (("old", "8 days"), ("new", "6 days")):
            admin.execute(_KEY, {"id": uuid4(), "key": key, "age": age})
        for ended in ("31 days", "29 days"):
            admin.execute(_FAMILY, (uuid4(), uuid4(), uuid4(), bytes(32), ended))
        with psycopg.connect(database.conninfo(TAILER), autocommit=True) as connection:
            assert forget(connection, accesses_after=_YEAR) == Forgotten(1, 1, 0, 0)
            assert forget(connection, accesses_after=_YEAR) == Forgotten(0, 0, 0, 0)
        assert admin.execute("SELECT key FROM log.command_keys").fetchall() == [("new",)]


def test_who_was_refused_or_shown_what_is_forgotten_when_the_setting_says(
    database: Database,
) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as admin:
        for target, age in (("old", "366 days"), ("new", "364 days")):
            admin.execute(_ACCESS, {"id": uuid4(), "target": target, "age": age})
        with psycopg.connect(database.conninfo(TAILER), autocommit=True) as connection:
            assert forget(connection, accesses_after=_YEAR) == Forgotten(0, 0, 1, 0)
        assert admin.execute("SELECT target FROM access.access_log").fetchall() == [("new",)]
