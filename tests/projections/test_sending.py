"""Statements that are under way while we work: each its own transaction, all of them answered."""

from __future__ import annotations

import psycopg
import pytest

from projections.engine.log import Connection
from projections.engine.sending import Sender, Statement
from tests.projections.conftest import Connect

ONE = Statement(b"SELECT $1::integer", (1,))
REFUSED = Statement(b"SELECT 1 / $1::integer", (0,))


def killed(connection: Connection, *, by: Connection) -> None:
    by.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))


def test_the_server_works_while_the_block_runs(log: Connection, connect: Connect) -> None:
    locked = Statement(b"SELECT pg_advisory_lock($1)", (7,))
    free = Statement(b"SELECT pg_advisory_unlock($1)", (7,))
    log.execute("SELECT pg_advisory_lock(7)")
    with Sender(connect("tallystick_tailer")).sent(locked, free) as answers:
        log.execute("SELECT pg_advisory_unlock(7)")  # what it waits for happens meanwhile
    assert answers.rows(1) == [(True,)]


def test_a_statement_that_fails_leaves_the_next_one_alone(connect: Connect) -> None:
    sender = Sender(connect("tallystick_tailer"))
    with sender.sent(REFUSED, ONE) as answers:
        pass
    with pytest.raises(psycopg.errors.DivisionByZero):
        answers.rows(0)
    assert answers.rows(1) == [(1,)]
    assert sender.ask(ONE) == [(1,)]


def test_a_query_that_the_server_does_not_understand_is_told_at_once(connect: Connect) -> None:
    sender = Sender(connect("tallystick_tailer"))
    with pytest.raises(psycopg.errors.UndefinedTable):
        sender.ask(Statement(b"SELECT FROM nowhere", ()))
    assert sender.ask(ONE) == [(1,)]


def test_a_block_that_fails_leaves_the_connection_as_usable_as_before(connect: Connect) -> None:
    connection = connect("tallystick_tailer")
    sender = Sender(connection)
    with pytest.raises(ZeroDivisionError), sender.sent(ONE):
        _ = 1 / 0
    assert sender.ask(ONE) == connection.execute("SELECT 1").fetchall()


def test_a_connection_cut_before_the_answer_is_no_fault_of_the_statement(
    log: Connection, connect: Connect
) -> None:
    connection = connect("tallystick_tailer")
    sender = Sender(connection)
    waits = Statement(b"SELECT pg_advisory_lock($1)", (8,))
    log.execute("SELECT pg_advisory_lock(8)")
    with pytest.raises(psycopg.OperationalError), sender.sent(waits, ONE):
        killed(connection, by=log)


def test_a_connection_cut_before_a_query_is_prepared_is_no_fault_of_the_query(
    log: Connection, connect: Connect
) -> None:
    connection = connect("tallystick_tailer")
    killed(connection, by=log)
    with pytest.raises(psycopg.OperationalError):
        Sender(connection).ask(ONE)


def test_a_connection_cut_before_a_prepared_query_is_sent_is_no_fault_of_it_either(
    log: Connection, connect: Connect
) -> None:
    connection = connect("tallystick_tailer")
    sender = Sender(connection)
    sender.ask(ONE)
    killed(connection, by=log)
    with pytest.raises(psycopg.OperationalError):
        sender.ask(ONE)
