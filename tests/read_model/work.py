"""How much the database does for a question, as it counts it itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple

import psycopg

from read_model.reader import OPTIONS
from tests.projections.story import NORTH
from tests.read_model.question import Question
from tests.read_model.test_every_question_is_explained import parameters_of, text_of

_COUNTED: LiteralString = (
    "SELECT schemaname || '.' || relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
    " FROM pg_stat_xact_user_tables"
)


class Work(NamedTuple):
    """What a question took: rows of each table, and blocks of all."""

    rows: Counter[str]
    blocks: int


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks as the app asks, for the north."""

    app: psycopg.Connection[Any]

    def work(self, question: Question) -> Work:
        """Of the second time: what the first one leaves behind, such as hints, is not its own."""
        self._asked(question)
        return self._asked(question)

    def _asked(self, question: Question) -> Work:
        explain = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + text_of(question)
        with self.app.transaction():
            before = self._rows()
            [[[plan]]] = self.app.execute(explain, parameters_of(question)).fetchall()
            rows = self._rows() - before
        blocks = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        return Work(rows, blocks)

    def _rows(self) -> Counter[str]:
        return Counter(dict(self.app.execute(_COUNTED).fetchall()))


def asking(conninfo: str) -> psycopg.Connection[Any]:
    app = psycopg.connect(conninfo, autocommit=True, options=OPTIONS)
    app.execute("SELECT set_config('app.tenant', %s, false)", (str(NORTH),))
    return app
