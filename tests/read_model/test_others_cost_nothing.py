"""Whatever an organization asks takes the same work, whether another has nothing or 20,000 records.

Held against what the server counts and not against a clock: how long an answer takes must not tell
how much there is of others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from tests.embedded import SUPERUSER, Database, Server
from tests.read_model.every_question import questions
from tests.read_model.question import Question
from tests.read_model.seeding import SEEDED, seed, without_the_south
from tests.read_model.work import Asking, asking
from write_model.kernel.settings import APP

INCIDENTS: int = 21_000
OF_THE_SOUTH: LiteralString = "n % 21 <> 7"

INSTALLATION = {"watching._WATCH", "watching._REBUILDS", "health._HEALTH", "dead_letters._ALL"}
"""Asked by whoever operates the server, of all organizations at once."""

A_DESCENT = 4
"""Blocks from the root of an index to a row, at this size."""


@dataclass(frozen=True, slots=True)
class Worlds:
    """The north alone, and beside the south. `own`: how many rows of each table are the north's."""

    alone: Asking
    beside: Asking
    own: Counter[str]


@pytest.fixture(scope="module")
def worlds(postgres: Server) -> Iterator[Worlds]:
    """The south has twenty times as much."""
    with postgres.database() as alone, postgres.database() as beside:
        filled(beside)
        own = filled(alone, has_others=False)
        with asking(alone.conninfo(APP)) as first, asking(beside.conninfo(APP)) as second:
            yield Worlds(Asking(first), Asking(second), own)


def filled(database: Database, *, has_others: bool = True) -> Counter[str]:
    """How many rows its tables have now."""
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as superuser:
        seed(superuser, INCIDENTS, OF_THE_SOUTH)
        if not has_others:
            without_the_south(superuser)
        return rows_of_each(superuser)


def rows_of_each(superuser: psycopg.Connection[Any]) -> Counter[str]:
    counted = Counter[str]()
    for table in SEEDED:
        count = sql.SQL("SELECT count(*) FROM {}").format(table)
        name = table.as_string().replace('"', "")
        [(counted[name],)] = superuser.execute(count).fetchall()
    return counted


@pytest.mark.parametrize(
    "question",
    [each for each in questions() if each.name not in INSTALLATION],
    ids=lambda question: question.name,
)
def test_nothing_of_others_is_gone_through(worlds: Worlds, question: Question) -> None:
    """Statistics differ, so the planner may go another way through what is the north's own, twice
    where rows are looked up by rows of the same table."""
    alone, beside = worlds.alone.work(question), worlds.beside.work(question)
    excess = {
        name: (alone.rows[name], rows)
        for name, rows in beside.rows.items()
        if rows > alone.rows[name] + 2 * worlds.own[name] + 1
    }
    assert excess == {}
    # Among others' rows each of one's own may lie in a block by itself.
    most = alone.blocks + A_DESCENT * (beside.rows.total() + 4)
    assert beside.blocks <= most
