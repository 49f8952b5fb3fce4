"""Several questions in one round trip on one connection, each in the name of its organization."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from psycopg import abc, pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InvalidSqlStatementName

from read_model.round_trip import Connection, Prepared, RoundTrip
from write_model.kernel.asking import ANSWER_S, Pool, Rows, cut_after

_TEXT = 25
_PARAMETER = re.compile(rb"%\((\w+)\)s|%%")


@dataclass(frozen=True, slots=True)
class Question:
    """`query`: with `%(name)s` in the places of its parameters."""

    tenant: UUID
    query: bytes
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """`named`: the fields, as text, of the one row that the naming statement answered."""

    named: tuple[bytes | None, ...]
    rows: Rows


class Exchanges:
    """`naming`: the statement that names the tenant, `$1`, before each question."""

    def __init__(self, naming: bytes) -> None:
        self._naming = naming
        self._prepared: WeakKeyDictionary[Connection, Prepared] = WeakKeyDictionary()

    async def ask(self, connection: Connection, questions: Sequence[Question]) -> list[Answer]:
        """The answers in order; each question is a transaction of its own.

        Raises: psycopg.Error, of the first question that fails. A connection of which it is not
        certain what it answers next is closed.
        """
        trip = RoundTrip(connection, self._prepared.setdefault(connection, {}))
        try:
            loading = [self._put(trip, question) for question in questions]
            results = await trip.results()
        except BaseException:
            if not trip.is_clean:
                await connection.close()
            raise
        pairs = zip(results[::2], results[1::2], loading, strict=True)
        return [Answer(_texts(named), _rows(found, loader)) for named, found, loader in pairs]

    def _put(self, trip: RoundTrip, question: Question) -> abc.Transformer:
        tenant = [str(question.tenant).encode()]
        trip.put(self._naming, (_TEXT,), tenant, [pq.Format.TEXT], pq.Format.TEXT)
        return _put_question(trip, question.query, question.parameters)


def _put_question(trip: RoundTrip, query: bytes, parameters: Mapping[str, Any]) -> abc.Transformer:
    """Put a question, and end its transaction; what comes back loads its answer."""
    text, names = numbered(query)
    loader: abc.Transformer = Transformer(trip.connection)
    values = [parameters[name] for name in names]
    packed = loader.dump_sequence(values, [PyFormat.AUTO] * len(values))
    trip.put(text, loader.types or (), packed, loader.formats or (), pq.Format.BINARY)
    trip.end_transaction()
    return loader


class RepeatedQuestion:
    """It is of no organization in particular, and is asked again and again."""

    def __init__(self, pool: Pool, query: bytes) -> None:
        self._pool, self._query = pool, query
        self._prepared: WeakKeyDictionary[Connection, Prepared] = WeakKeyDictionary()

    async def ask(self, parameters: Mapping[str, Any]) -> Rows:
        """Raises: psycopg.Error, also after six seconds without an answer."""
        connection = await self._pool.getconn()
        try:
            return await self._answer(connection, parameters)
        except InvalidSqlStatementName:
            return await self._answer(connection, parameters)  # Then it is prepared once more.
        finally:
            await self._pool.putconn(connection)

    async def _answer(self, connection: Connection, parameters: Mapping[str, Any]) -> Rows:
        trip = RoundTrip(connection, self._prepared.setdefault(connection, {}))
        try:
            loader = _put_question(trip, self._query, parameters)
            with cut_after(connection, ANSWER_S):
                [found] = await trip.results()
        except BaseException:
            if not trip.is_clean:
                await connection.close()
            raise
        return _rows(found, loader)


@lru_cache(1_000)
def numbered(query: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The query with `$1`, `$2`, ... in the places of its parameters, and their names in order."""
    numbers: dict[bytes, int] = {}

    def place(match: re.Match[bytes]) -> bytes:
        name = match[1]
        return b"%" if name is None else b"$%d" % numbers.setdefault(name, len(numbers) + 1)

    text = _PARAMETER.sub(place, query)
    return text, tuple(name.decode() for name in numbers)


def _texts(result: pq.abc.PGresult) -> tuple[bytes | None, ...]:
    return tuple(result.get_value(0, column) for column in range(result.nfields))


def _rows(result: pq.abc.PGresult, loader: abc.Transformer) -> Rows:
    loader.set_pgresult(result, format=pq.Format.BINARY)
    return loader.load_rows(0, result.ntuples, tuple)
