"""Arrays packed by hand mean to Postgres what its own do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import pq
from psycopg.adapt import Transformer

from tests.embedded import Server
from write_model.kernel.store import arrays
from write_model.kernel.store.arrays import ARRAY_OF

Connection = psycopg.Connection[Any]

# The years that both Python and Postgres' text form write with four digits.
_FIRST, _LAST = datetime.fromisoformat("1000-01-01"), datetime.fromisoformat("9999-12-31")
TIMES = st.datetimes(_FIRST, _LAST, timezones=st.just(UTC))
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
KINDS = [
    (arrays.UUID_, arrays.uuids, st.uuids()),
    (arrays.UUID_, arrays.uuids_or_nulls, st.none() | st.uuids()),
    (arrays.INT2, arrays.int2s, st.integers(-(2**15), 2**15 - 1)),
    (arrays.INT4, arrays.int4s, st.integers(-(2**31), 2**31 - 1)),
    (arrays.INT8, arrays.int8s, st.integers(-(2**63), 2**63 - 1)),
    (arrays.TEXT, arrays.texts, TEXTS),
    (arrays.TEXT, arrays.words, TEXTS),
    (arrays.BYTEA, arrays.byteas, st.none() | st.binary()),
    (arrays.TIMESTAMPTZ, arrays.timestamps, st.none() | TIMES),
]
ON_ONE_CONNECTION = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def connection(postgres: Server) -> Iterator[Connection]:
    with (
        postgres.database() as database,
        psycopg.connect(database.conninfo("postgres"), autocommit=True) as connection,
    ):
        yield connection


def _echoed(connection: Connection, element: int, packed: bytes) -> pq.abc.PGresult:
    return connection.pgconn.exec_params(
        b"SELECT $1", [packed], [ARRAY_OF[element]], [pq.Format.BINARY], pq.Format.BINARY
    )


@pytest.mark.parametrize(("element", "pack", "values"), KINDS)
@ON_ONE_CONNECTION
@given(data=st.data())
def test_postgres_reads_what_was_packed(
    connection: Connection,
    element: int,
    pack: Callable[[Sequence[Any]], bytes],
    values: st.SearchStrategy[Any],
    data: st.DataObject,
) -> None:
    packed = data.draw(st.lists(values, max_size=20))
    result = _echoed(connection, element, pack(packed))
    assert result.status == pq.ExecStatus.TUPLES_OK
    cursor = connection.cursor(binary=True)
    read = Transformer(cursor)
    read.set_pgresult(result)
    assert read.load_row(0, tuple) == (packed,)


@ON_ONE_CONNECTION
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_what_postgres_packs_is_read(connection: Connection, values: list[int | None]) -> None:
    text = "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"
    result = connection.pgconn.exec_params(
        b"SELECT $1::bigint[]", [text.encode()], result_format=pq.Format.BINARY
    )
    packed = result.get_value(0, 0)
    assert packed is not None
    assert arrays.read_int8s(packed) == values


@ON_ONE_CONNECTION
@given(TIMES)
def test_times_come_back_in_both_forms(connection: Connection, time: datetime) -> None:
    result = connection.pgconn.exec_params(
        b"SELECT $1::timestamptz, to_jsonb($1::timestamptz) #>> '{}'",
        [time.isoformat().encode()],
        result_format=pq.Format.BINARY,
    )
    binary, text = result.get_value(0, 0), result.get_value(0, 1)
    assert binary is not None
    assert text is not None
    assert arrays.read_timestamp(binary) == time
    assert arrays.parse_timestamp(text.decode()) == time
