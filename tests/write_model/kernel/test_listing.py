"""A page of a long list costs the database that page, wherever in the list it begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

from tests.embedded import SUPERUSER, Database
from tests.identity import HARBOR, QUARRY
from write_model.kernel.listing import BEFORE_ALL, Mark

MANY, PAGE = 20_000, 101

FILLED: dict[str, LiteralString] = {
    "seats": """
        INSERT INTO credentials.seats (user_id, tenant_id, added_at)
        SELECT gen_random_uuid(), %(tenant)s, now() + n * interval '1 second'
        FROM generate_series(1, %(many)s) n""",
    "passes": """
        INSERT INTO credentials.passes
            (purpose, tenant_id, user_id, token_hash, made_at, expires_at)
        SELECT 'invitation', %(tenant)s, gen_random_uuid(),
            sha256(uuid_send(gen_random_uuid())), now() + n * interval '1 second', 'infinity'
        FROM generate_series(1, %(many)s) n""",
    "api_keys": """
        INSERT INTO credentials.api_keys (key_id, tenant_id, made_at, counts_until)
        SELECT gen_random_uuid(), %(tenant)s, now() + n * interval '1 second', 'infinity'
        FROM generate_series(1, %(many)s) n""",
}
ASKED: dict[str, LiteralString] = {
    "seats": "SELECT added_at, user_id FROM credentials.members_of(%s, %s, %s, %s)",
    "passes": "SELECT made_at, user_id FROM credentials.invitations_of(%s, %s, %s, %s)",
    "api_keys": "SELECT made_at, key_id FROM credentials.api_keys_of(%s, %s, %s, %s)",
}
READ: LiteralString = """
    SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
    WHERE schemaname = 'credentials' AND relname = %s"""


@pytest.fixture
def superuser(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("table", ASKED)
def test_a_page_reads_itself_and_nothing_else(
    table: str, superuser: psycopg.Connection[Any]
) -> None:
    for tenant in (HARBOR, QUARRY):
        superuser.execute(FILLED[table], {"tenant": tenant, "many": MANY})
    superuser.execute("VACUUM (ANALYZE)")
    superuser.execute("SELECT set_config('app.tenant', %s, false)", (str(HARBOR),))
    after, seen = BEFORE_ALL, list[tuple[datetime, UUID]]()
    for _ in range(3):
        with superuser.transaction():
            before = rows_read(superuser, table)
            page = superuser.execute(ASKED[table], (HARBOR, *after, PAGE)).fetchall()
            assert len(page) == PAGE
            assert rows_read(superuser, table) - before <= PAGE
        seen, after = [*seen, *page], Mark(*page[-1])
    assert seen == sorted(set(seen))


def rows_read(superuser: psycopg.Connection[Any], table: str) -> int:
    """By this session, as far as it has not handed its counts on."""
    [[read]] = superuser.execute(READ, (table,)).fetchall()
    return int(read)
