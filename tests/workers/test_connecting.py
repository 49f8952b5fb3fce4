"""No worker waits for ever for a database that does not answer."""

from __future__ import annotations

from tests.embedded import Database
from workers.connecting import connected
from write_model.kernel.settings import TAILER


def test_connecting_statements_and_silence_have_an_end(database: Database) -> None:
    with connected(database.conninfo(TAILER), statement_timeout_s=30) as connection:
        asked = connection.info.get_parameters()
        shown = connection.execute(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
            " current_setting('timezone')"
        ).fetchone()
    assert (asked["connect_timeout"], asked["keepalives_idle"]) == ("5", "10")
    assert shown == ("30s", "5s", "UTC")
