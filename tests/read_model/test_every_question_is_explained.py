"""Each question as the app asks it of full tables: an index serves it, or it says why none does."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from string import Formatter
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

import read_model
from tests.embedded import SUPERUSER, Server
from tests.projections.story import NORTH
from tests.read_model.every_question import questions
from tests.read_model.question import Question
from tests.read_model.seeding import GROWING, seed
from write_model.kernel.settings import APP

Connection = psycopg.Connection[Any]

QUESTIONS = list(questions())
ALL_BUT_DEAR = [question for question in QUESTIONS if not question.reads_all]
FURTHER = [question for question in ALL_BUT_DEAR if question.name.startswith("another page")]

SIZES = [30_000, pytest.param(1_000_000, marks=[pytest.mark.exhaustive, pytest.mark.timeout(900)])]

A_PAGE = 500
"""More rows than that are never sorted but where few were found before."""

BLOCKS_OF_AN_ITEM = 20
"""Of the past an item takes 15: its row, and that no later one replaced it (measured)."""

OF_NOTHING_THAT_GROWS = {
    "read_model.reader._NAME_TENANT_AND_LOOK",
    "read_model.limits_set._SINCE",
    "read_model.limits_set._OF_ONE",
}
"""What is put before every question, and what the operator has set."""

_READ: LiteralString = (
    "SELECT schemaname || '.' || relname, seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables"
    " WHERE schemaname || '.' || relname = ANY(%s)"
)


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size:,} incidents")
def incidents(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def app(postgres: Server, incidents: int) -> Iterator[Connection]:
    with postgres.database() as database:
        with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as superuser:
            seed(superuser, incidents)
        with psycopg.connect(database.conninfo(APP), autocommit=True) as app:
            app.execute("SELECT set_config('app.tenant', %s, false)", (str(NORTH),))
            yield app


def text_of(question: Question) -> bytes:
    query = question.query.encode() if isinstance(question.query, str) else question.query
    return query if isinstance(query, bytes) else sql.SQL("{}").format(query).as_bytes()


def parameters_of(question: Question) -> Any:
    if isinstance(question.parameters, tuple):
        return question.parameters
    return {**question.parameters, "tenant": NORTH}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


def faults(question: Question, plan: dict[str, Any], few: int) -> Iterator[str]:
    """What of a plan an index should have spared."""
    for node in nodes(plan):
        name = f"{node.get('Schema', 'projections')}.{node.get('Relation Name')}"
        if node["Node Type"] == "Seq Scan" and name in GROWING:
            yield f"scans {name}"
        if "Sort" in node["Node Type"] and node["Plan Rows"] > few:
            yield f"sorts {node['Plan Rows']} rows"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_no_plan_scans_or_sorts_where_an_index_should_serve(
    app: Connection, incidents: int, question: Question
) -> None:
    explain = b"EXPLAIN (FORMAT JSON, VERBOSE) " + text_of(question)
    [[[plan]]] = app.execute(explain, parameters_of(question)).fetchall()
    found = list(faults(question, plan["Plan"], few=A_PAGE + incidents // 50))
    assert found == [] or question.reads_all


@pytest.mark.parametrize("question", ALL_BUT_DEAR, ids=lambda question: question.name)
def test_no_answer_reads_much_more_than_it_tells(
    app: Connection, incidents: int, question: Question
) -> None:
    """As the server counts it, in functions too."""
    with app.transaction():
        before = counted(app)
        app.execute(text_of(question), parameters_of(question)).fetchall()
        after = counted(app)
    scans, rows = after[0] - before[0], after[1] - before[1]
    most = 5_000 + incidents // 50
    excess = [f"{n} scans of {name}" for name, n in scans.items()]
    excess += [f"{n} rows of {name}" for name, n in rows.items() if n > most]
    assert excess == []


@pytest.mark.parametrize("question", FURTHER, ids=lambda question: question.name)
def test_no_page_walks_through_those_before(app: Connection, question: Question) -> None:
    """Not in the index alone either, which no count of rows tells."""
    explain = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + text_of(question)
    [[[plan]]] = app.execute(explain, parameters_of(question)).fetchall()
    blocks = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    items = max(each["Actual Rows"] for each in nodes(plan["Plan"]) if "CTE Name" in each)
    assert blocks <= BLOCKS_OF_AN_ITEM * (items + 2)


def counted(connection: Connection) -> tuple[Counter[str], Counter[str]]:
    """How often each growing table was scanned so far, and how many of its rows indexes gave."""
    found = connection.execute(_READ, (list(GROWING),)).fetchall()
    scans, rows = ({name: row[n] for name, *row in found} for n in (0, 1))
    return Counter(scans), Counter(rows)


def pieces(value: object) -> list[str]:
    """What stands between the gaps of an SQL text; nothing when it reads no table."""
    if isinstance(value, sql.SQL):
        value = "".join(
            text + "\0" * (gap is not None)
            for text, gap, *_ in Formatter().parse(value.as_string())
        )
    text = value.decode() if isinstance(value, bytes) else value
    text = text.as_string() if isinstance(text, sql.Composed) else text
    return text.split("\0") if isinstance(text, str) and "FROM" in text else []


def test_whatever_sql_the_read_model_has_stands_in_one_of_them() -> None:
    explained = [text_of(question).decode() for question in QUESTIONS]
    for module in pkgutil.walk_packages(read_model.__path__, "read_model."):
        for name, value in vars(importlib.import_module(module.name)).items():
            named = f"{module.name}.{name}"
            is_left_out = name.startswith("__") or named in OF_NOTHING_THAT_GROWS
            wanted = [] if is_left_out else pieces(value)
            among = any(all(piece in text for piece in wanted) for text in explained)
            assert among, f"{named} is in no question"
