"""What the database refuses by itself, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from tests.embedded import Database
from tests.write_model.kernel.store.writing import MARA, NORTH, SOUTH, key, rows
from write_model.kernel.ids import new_id
from write_model.kernel.settings import APP, OWNER, TAILER
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import Append

Connection = psycopg.Connection[Any]

CHANGES: list[LiteralString] = [
    "UPDATE log.events SET topic = 'forklift.fine'",
    "DELETE FROM log.events",
    "TRUNCATE log.events",
]
WALLED: list[LiteralString] = [
    "SELECT DISTINCT tenant_id FROM log.events",
    "SELECT DISTINCT tenant_id FROM log.command_keys",
    "SELECT DISTINCT tenant_id FROM log.source_keys",
]

ASKED: list[LiteralString] = [
    "SELECT notification_id FROM log.read_streams(ARRAY[%(tenant)s], ARRAY[%(stream)s], '{0}')",
    "SELECT stream_id FROM log.known_key(%(tenant)s, %(mara)s, %(key)s)",
    "SELECT log.stream_of(%(tenant)s, 'forklift', 1)",
    "SELECT subject_id FROM personal.read_keys(%(tenant)s, ARRAY[%(mara)s])",
    "SELECT user_id FROM credentials.members_of(%(tenant)s, '-infinity', %(mara)s, 9)",
    "SELECT user_id FROM credentials.invitations_of(%(tenant)s, '-infinity', %(mara)s, 9)",
    "SELECT key_id FROM credentials.api_keys_of(%(tenant)s, '-infinity', %(mara)s, 9)",
    "SELECT key_id FROM credentials.api_keys_that_count(%(tenant)s, now(), 'infinity')",
    "SELECT sealed FROM credentials.client_secret(%(mara)s, %(tenant)s)",
    "SELECT user_id FROM credentials.linked_subject(%(tenant)s, decode(repeat('00', 32), 'hex'))",
    "SELECT provider_id FROM credentials.links_of(%(tenant)s, %(mara)s)",
]


@pytest.fixture
async def written(log: GroupCommit) -> UUID:
    """A stream of the north; both tenants have an event with a key and a cause."""
    stream = new_id()
    await log.append(Append(rows(stream), key(), ("desk", "7")))
    await log.append(Append(rows(new_id(), tenant=SOUTH), key(), ("desk", "7")))
    return stream


@pytest.fixture
def app(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.conninfo(APP), autocommit=True) as connection:
        yield connection


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", [APP, TAILER, OWNER, "postgres"])
def test_nobody_changes_what_has_happened(
    database: Database, role: str, change: LiteralString
) -> None:
    refused = pytest.raises((errors.InsufficientPrivilege, errors.RestrictViolation))
    with psycopg.connect(database.conninfo(role), autocommit=True) as connection, refused:
        connection.execute(change)


@pytest.mark.usefixtures("written")
def test_not_even_the_writer_empties_the_log(superuser: Connection) -> None:
    superuser.execute("SET ROLE tallystick_writer")
    with pytest.raises(errors.RestrictViolation):
        superuser.execute("TRUNCATE log.events")


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("role", [APP, TAILER])
def test_nobody_writes_past_the_append(database: Database, role: str) -> None:
    with psycopg.connect(database.conninfo(role), autocommit=True) as connection:
        for table in ("events", "command_keys", "source_keys", "epochs"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(f"INSERT INTO log.{table} DEFAULT VALUES")


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("query", WALLED)
def test_a_session_sees_its_own_tenant_and_without_one_nothing(
    app: Connection, query: LiteralString
) -> None:
    assert app.execute(query).fetchall() == []
    for tenant in (NORTH, SOUTH):
        with app.transaction():
            app.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant),))
            assert app.execute(query).fetchall() == [(tenant,)]
        # After the transaction the setting is an empty text, which is no tenant either.
        assert app.execute(query).fetchall() == []


@pytest.mark.parametrize("query", ASKED)
def test_a_function_answers_for_the_tenant_that_is_set_and_for_no_argument_else(
    app: Connection, superuser: Connection, written: UUID, query: LiteralString
) -> None:
    _know_somebody(superuser)
    asked = {"tenant": NORTH, "stream": written, "mara": MARA, "key": key().key}
    for setting, tenant, found in (
        (NORTH, NORTH, 1),
        (SOUTH, NORTH, 0),
        (SOUTH, SOUTH, 0),
        (NORTH, SOUTH, 0),
        ("", NORTH, 0),
    ):
        with app.transaction():
            app.execute("SELECT set_config('app.tenant', %s, true)", (str(setting),))
            rows = app.execute(query, {**asked, "tenant": tenant}).fetchall()
        assert len([row for row in rows if row != (None,)]) == found


def _know_somebody(superuser: Connection) -> None:
    """Mara has a key and a login in the north, and nothing in the south."""
    superuser.execute("SELECT set_config('app.tenant', %s, false)", (str(NORTH),))
    superuser.execute("SELECT * FROM personal.create_keys(%s, %s, %s, 1)", (NORTH, [MARA], [b"k"]))
    superuser.execute(
        "INSERT INTO credentials.seats (user_id, tenant_id) VALUES (%s, %s)", (MARA, NORTH)
    )
    superuser.execute(
        "SELECT credentials.begin_api_key(%s, %s, %s, now(), 'infinity', 9)",
        (MARA, NORTH, bytes(32)),
    )
    superuser.execute(
        "SELECT credentials.offer_pass('invitation', %s, %s, %s, now(), 'infinity', 1)",
        (NORTH, MARA, bytes(32)),
    )
    keeping = "SELECT credentials.keep_client_secret(%s, %s, %s, %s)"
    superuser.execute(keeping, (MARA, MARA, NORTH, b"sealed"))
    superuser.execute(
        "SELECT * FROM credentials.link_subject(%s, %s, %s, %s)", (NORTH, bytes(32), MARA, MARA)
    )
    # In the south too a number and a key were given, which the questions below must not find.
    superuser.execute("SET session_replication_role = replica")
    superuser.execute("DELETE FROM log.command_keys WHERE tenant_id = %s", (SOUTH,))
    superuser.execute("UPDATE log.events SET number = NULL WHERE tenant_id = %s", (SOUTH,))


@pytest.mark.parametrize("setting", ["", str(SOUTH)])
def test_no_key_is_made_for_another_tenant(app: Connection, setting: str) -> None:
    query = "SELECT * FROM personal.create_keys(%s, %s, %s, 1)"
    app.execute("SELECT set_config('app.tenant', %s, false)", (setting,))
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(query, (NORTH, [MARA], [b"k"]))


@pytest.mark.parametrize("setting", ["", str(SOUTH)])
def test_no_api_key_is_begun_for_another_tenant(app: Connection, setting: str) -> None:
    query = "SELECT credentials.begin_api_key(%s, %s, %s, now(), 'infinity', 9)"
    app.execute("SELECT set_config('app.tenant', %s, false)", (setting,))
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(query, (MARA, NORTH, bytes(32)))


def test_an_app_erases_nobody(app: Connection) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("SELECT personal.erase_keys(%s, %s)", (NORTH, [MARA]))


@pytest.mark.usefixtures("written")
def test_the_tail_tells_headers_and_field_names_only(app: Connection) -> None:
    cursor = app.execute("SELECT * FROM log.tail(0, 10)")
    assert cursor.description is not None
    names = {column.name for column in cursor.description}
    assert names.isdisjoint({"state", "salt"})
    assert len(cursor.fetchall()) == 2
    assert app.execute("SELECT last_position, epoch FROM log.head()").fetchone() == (2, 1)


@pytest.mark.parametrize("state", [b"[]", b'"oil"', b"{", b"", b"\xff"])
@pytest.mark.usefixtures("written")
def test_an_event_that_is_damaged_holds_up_nobody_who_follows(
    app: Connection, database: Database, state: bytes
) -> None:
    with psycopg.connect(database.conninfo("postgres"), autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE log.events SET state = %s", [b'{"title": "Oil leak"}'])
        superuser.execute("UPDATE log.events SET state = %s WHERE notification_id = 1", [state])
    found = app.execute("SELECT fields FROM log.tail(0, 10)").fetchall()
    assert found == [([],), (["title"],)]


@pytest.mark.usefixtures("written")
def test_old_keys_are_forgotten_and_causes_are_kept(database: Database) -> None:
    with psycopg.connect(database.conninfo(TAILER), autocommit=True) as tailer:
        assert tailer.execute("SELECT log.forget_old_keys('7 days')").fetchone() == (0,)
        assert tailer.execute("SELECT log.forget_old_keys('0 s')").fetchone() == (2,)
    with psycopg.connect(database.conninfo("postgres")) as superuser:
        assert superuser.execute("SELECT count(*) FROM log.source_keys").fetchone() == (2,)


@pytest.mark.usefixtures("written")
def test_an_app_may_neither_forget_keys_nor_explain(app: Connection) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("SELECT log.forget_old_keys('0 s')")
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute("SELECT log.explain('[]', '{}', '{}', '{}', '{}')")


def test_every_function_of_the_log_pins_its_search_path(superuser: Connection) -> None:
    """A definer function without one runs whatever a caller puts before it."""
    unpinned = superuser.execute(
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace IN ('log'::regnamespace,"
        " 'personal'::regnamespace, 'credentials'::regnamespace, 'access'::regnamespace)"
        " AND p.prosecdef AND NOT coalesce(p.proconfig::text LIKE '%search_path%', false)"
    ).fetchall()
    assert unpinned == []


def test_the_actor_of_a_row_is_who_asked(written: UUID, superuser: Connection) -> None:
    found = superuser.execute(
        "SELECT actor_id, salt, purged_by FROM log.events WHERE originator_id = %s", (written,)
    ).fetchone()
    assert found == (MARA, None, None)
