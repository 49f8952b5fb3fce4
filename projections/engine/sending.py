"""Statements that are sent now and answered later, so that the server works while we do.

psycopg's own pipeline sends a large statement no further than the socket takes at once, and then
the server waits for us; so this speaks to libpq, which psycopg wraps. `generators` and
`Transformer` are what psycopg's own cursors are made of: they send, fetch and load as those do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg
from psycopg import abc, generators, pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

from projections.engine.columns import PackedArray

_numbers = count()
"""Over all senders, because a connection may have had another one before."""

_FAILED = pq.ExecStatus.FATAL_ERROR


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL that numbers its parameters and names their types where these are not plain."""

    query: bytes
    parameters: Sequence[object]


@dataclass(slots=True)
class Answers:
    """What came back, by the order of the statements; looked at once the block is over."""

    _transformer: abc.Transformer
    _results: list[pq.abc.PGresult] = field(default_factory=list[pq.abc.PGresult])

    def rows(self, index: int = 0) -> list[tuple[Any, ...]]:
        """Raises: psycopg.Error when that statement failed."""
        result = self._results[index]
        if result.status == _FAILED:
            raise error_from_result(result)
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def add(self, result: pq.abc.PGresult) -> None:
        self._results.append(result)


Ready = tuple[bytes, Sequence[abc.Buffer | None], Sequence[pq.Format] | None]
"""The name that the server knows a query by, its parameters' bytes, and the formats of these."""


@dataclass(slots=True)
class Sender:
    """Sends on one connection; each query is prepared once."""

    connection: psycopg.Connection[Any]
    _names: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    @contextlib.contextmanager
    def sent(self, *statements: Statement) -> Generator[Answers]:
        """The server works on these while the block runs, which may not use the connection.

        Each is a transaction of its own: where one fails, the next is done all the same.
        Raises: psycopg.OperationalError when the connection was lost before the last answer.
        """
        ready = [self._ready(statement) for statement in statements]
        answers = Answers(Transformer(self.connection))
        self._send(ready)
        try:
            yield answers
        finally:
            for _ in ready:
                answers.add(self._answer())
            self.connection.pgconn.exit_pipeline_mode()

    def ask(self, statement: Statement) -> list[tuple[Any, ...]]:
        """The answer to one statement, waited for. Raises: psycopg.Error."""
        with self.sent(statement) as answers:
            pass
        return answers.rows()

    def _ready(self, statement: Statement) -> Ready:
        query, parameters = statement.query, statement.parameters
        name = self._names.get(query) or self._names.setdefault(query, self._prepared(query))
        transformer = Transformer(self.connection)
        packed = (isinstance(value, PackedArray) for value in parameters)
        formats = [PyFormat.BINARY if each else PyFormat.TEXT for each in packed]
        return name, transformer.dump_sequence(parameters, formats), transformer.formats

    def _prepared(self, query: bytes) -> bytes:
        name = b"sent_%d" % next(_numbers)
        self.connection.pgconn.send_prepare(name, query)
        self.connection.wait(generators.send(self.connection.pgconn))
        [result] = self._fetched()
        if result.status == _FAILED:
            raise error_from_result(result)
        return name

    def _send(self, ready: Iterable[Ready]) -> None:
        pgconn = self.connection.pgconn
        pgconn.enter_pipeline_mode()
        for name, values, formats in ready:
            pgconn.send_query_prepared(name, values, formats, pq.Format.BINARY)
            pgconn.pipeline_sync()
        self.connection.wait(generators.send(pgconn))

    def _answer(self) -> pq.abc.PGresult:
        [result] = self._fetched()
        self._fetched()  # the mark behind it, which ends its transaction
        return result

    def _fetched(self) -> list[pq.abc.PGresult]:
        pgconn = self.connection.pgconn
        results: list[pq.abc.PGresult] = self.connection.wait(generators.fetch_many(pgconn))
        if self.connection.closed:  # libpq makes up an answer then, of no kind of error
            raise psycopg.OperationalError("The connection was lost before the answer came.")
        return results
