"""Asking with another organization's id takes no more work than with one that is nobody's.

However long the other's record is: its rows are found by its id before anybody sees whose they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

from tests.embedded import SUPERUSER, Server
from tests.projections.story import MONDAY, NORTH, SOUTH
from tests.read_model.every_question import FORKLIFT, questions
from tests.read_model.question import Question
from tests.read_model.work import Asking, asking
from write_model.kernel.settings import APP
from write_model.kernel.store import reading

THEIRS = UUID("0197a000-0000-7000-8000-00000000cafe")
NOBODYS = UUID("0197a000-0000-7000-8000-00000000beef")

FOUND_BEFORE = {"queries.history._HISTORY", "timeline by recorded_at", "timeline by occurred_at"}
"""Asked only once the record was found to be one's own."""

# The south's are one record; the north has as many of one event each.
_LOG: LiteralString = """
    INSERT INTO log.events
    SELECT id, version, 'incident.noted', '{}', position, 1, tenant, n, number, id, id, id, NULL,
           %(at)s, %(at)s, 'api', 1, NULL, NULL
      FROM (SELECT n, n AS position, %(south)s::uuid AS tenant, %(theirs)s::uuid AS id,
                   n AS version, CASE WHEN n = 1 THEN 1 END AS number
              FROM generate_series(1, 5000) AS n
            UNION ALL
            SELECT n, 5000 + n, %(north)s, gen_random_uuid(), 1, n
              FROM generate_series(1, 5000) AS n) AS made
"""
_SHOWN: LiteralString = """
    INSERT INTO projections.changes_v1
    SELECT tenant_id, tenant_position, notification_id, originator_id, originator_version, topic, 1,
           actor_id, recorded_at, occurred_at, '{}' FROM log.events
"""


@pytest.fixture(scope="module")
def north(postgres: Server) -> Iterator[Asking]:
    with postgres.database() as database:
        with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as superuser:
            told = {"north": NORTH, "south": SOUTH, "theirs": THEIRS, "at": MONDAY}
            superuser.execute(_LOG, told)
            superuser.execute(_SHOWN)
            superuser.execute("VACUUM ANALYZE")
        with asking(database.conninfo(APP)) as app:
            yield Asking(app)


def by_id() -> Iterator[Question]:
    """Every question about one record, and what a command asks."""
    for question in questions():
        if _with(question, THEIRS) != question and question.name not in FOUND_BEFORE:
            yield question
    streams = ([NORTH], [FORKLIFT], [0])
    yield Question("streams to fold", reading.STREAMS, streams)


def _with(question: Question, id_: UUID) -> Question:
    parameters = question.parameters
    if isinstance(parameters, tuple):
        return replace(question, parameters=tuple(_put(each, id_) for each in parameters))
    put = {name: _put(each, id_) for name, each in parameters.items()}
    return replace(question, parameters=put)


def _put(value: Any, id_: UUID) -> Any:
    return [id_] if value == [FORKLIFT] else id_ if value == FORKLIFT else value


@pytest.mark.parametrize("question", list(by_id()), ids=lambda question: question.name)
def test_a_long_record_of_another_is_not_gone_through(north: Asking, question: Question) -> None:
    theirs, nobodys = (north.work(_with(question, id_)) for id_ in (THEIRS, NOBODYS))
    assert theirs.rows.total() <= nobodys.rows.total() + 2
    assert theirs.blocks <= nobodys.blocks + 4
