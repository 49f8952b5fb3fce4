"""A batch of commands as one call of `log.append`, and its answer as one verdict a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, cast
from uuid import UUID

from psycopg import pq
from pydantic_core import from_json

from write_model.kernel.errors import DomainError, KeyReused, SubjectErased
from write_model.kernel.store import arrays
from write_model.kernel.store.arrays import ARRAY_OF
from write_model.kernel.store.recorded_event import (
    Append,
    Appended,
    CauseKnown,
    RecordedEvent,
    Replayed,
    Verdict,
    VersionConflict,
)

_BOOLEAN, _TRUE, _FALSE = 16, b"\x01", b"\x00"
_ROW_TYPES = (
    arrays.INT4,
    arrays.UUID_,
    arrays.INT8,
    arrays.TEXT,
    arrays.BYTEA,
    arrays.BYTEA,
    arrays.UUID_,
    arrays.UUID_,
    arrays.UUID_,
    arrays.UUID_,
    arrays.UUID_,
    arrays.TIMESTAMPTZ,
    arrays.TEXT,
    arrays.INT2,
)
_SPARSE_TYPES = (
    arrays.INT4,
    arrays.INT4,
    arrays.TEXT,
    arrays.BYTEA,
    arrays.INT4,
    arrays.TEXT,
    arrays.TEXT,
    arrays.INT4,
    arrays.UUID_,
)
TYPES = (*(ARRAY_OF[element] for element in _ROW_TYPES + _SPARSE_TYPES), _BOOLEAN)
STATEMENT = (
    b"SELECT first_position, epoch, recorded_at, tenant_positions, numbers, refusals"
    b" FROM log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
    b" $17, $18, $19, $20, $21, $22, $23, $24)"
)


def parameters(batch: Sequence[Append], *, is_careful: bool = True) -> list[bytes]:
    """The batch as binary arrays, in the order of the function's parameters.

    Not `is_careful`: the call may fail with SQLSTATE 23505 instead of saying which command it was
    that begins a stream or takes a key which is there already.
    """
    rows = [row for command in batch for row in command.rows]
    owners = [at for at, command in enumerate(batch, 1) for _ in command.rows]
    firsts = _first_rows(batch)
    return [
        *_row_arrays(owners, rows),
        *_sparse_arrays(batch, firsts),
        _TRUE if is_careful else _FALSE,
    ]


def _first_rows(batch: Sequence[Append]) -> list[int]:
    firsts: list[int] = []
    next_row = 1
    for command in batch:
        firsts.append(next_row)
        next_row += len(command.rows)
    return firsts


def _row_arrays(owners: list[int], rows: list[RecordedEvent]) -> list[bytes]:
    return [
        arrays.int4s(owners),
        arrays.uuids([_uuid(row.originator_id) for row in rows]),
        arrays.int8s([row.originator_version for row in rows]),
        arrays.words([row.topic for row in rows]),
        arrays.byteas([row.state for row in rows]),
        arrays.byteas([row.salt for row in rows]),
        arrays.uuids([row.tenant for row in rows]),
        arrays.uuids([row.actor for row in rows]),
        arrays.uuids([row.command for row in rows]),
        arrays.uuids([row.correlation for row in rows]),
        arrays.uuids_or_nulls([row.causation for row in rows]),
        arrays.timestamps([row.occurred_at for row in rows]),
        arrays.words([row.source for row in rows]),
        arrays.int2s([row.schema_version for row in rows]),
    ]


def _uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _sparse_arrays(batch: Sequence[Append], firsts: list[int]) -> list[bytes]:
    keyed: list[tuple[int, int, str, bytes]] = []
    caused: list[tuple[int, str, str]] = []
    sealed: list[tuple[int, UUID]] = []
    for first, (rows, key, cause, subjects) in zip(firsts, batch, strict=True):
        if key:
            keyed.append((first, first + len(rows) - 1, key.key, key.digest))
        if cause:
            caused.append((first, *cause))
        sealed += [(first, subject) for subject in subjects]
    return [
        *_columns(keyed, arrays.int4s, arrays.int4s, arrays.texts, arrays.byteas),
        *_columns(caused, arrays.int4s, arrays.texts, arrays.texts),
        *_columns(sealed, arrays.int4s, arrays.uuids),
    ]


def _columns(rows: Sequence[tuple[Any, ...]], *packing: Callable[[Any], bytes]) -> list[bytes]:
    columns = zip(*rows, strict=True) if rows else repeat((), len(packing))
    return [pack(column) for pack, column in zip(packing, columns, strict=True)]


def verdicts(batch: Sequence[Append], result: pq.abc.PGresult) -> list[Verdict | DomainError]:
    """One verdict per command of the batch, in its order."""
    refusals = result.get_value(0, 5)
    refused = _refused(refusals) if refusals else {}
    position, epoch = _integer(result, 0), _integer(result, 1)
    recorded_at = arrays.read_timestamp(_value(result, 2))
    # Null only where the command was refused.
    tenant_positions = cast("list[int]", arrays.read_int8s(_value(result, 3)))
    numbers = _numbers(result, len(tenant_positions))
    found: list[Verdict | DomainError] = []
    at = 0
    for owner, command in enumerate(batch, 1):
        count = len(command.rows)
        if owner in refused:
            found.append(_refusal(refused[owner], command))
        elif count == 1:  # Nearly all are: without slices it takes half as long (measured).
            one = (position,), (tenant_positions[at],), (numbers[at],)
            found.append(Appended(*one, recorded_at, epoch))
            position += 1
        else:
            rows = slice(at, at + count)
            positions = tuple(range(position, position := position + count))
            several = positions, tuple(tenant_positions[rows]), tuple(numbers[rows])
            found.append(Appended(*several, recorded_at, epoch))
        at += count
    return found


def _numbers(result: pq.abc.PGresult, count: int) -> Sequence[int | None]:
    value = result.get_value(0, 4)
    return [None] * count if value is None else arrays.read_int8s(value)


def was_stored(result: pq.abc.PGresult) -> bool:
    """Whether the call's one command was in the log before it."""
    refusals = result.get_value(0, 5)
    return refusals is not None and _refused(refusals)[1]["reason"] == "stored"


def _value(result: pq.abc.PGresult, column: int) -> bytes:
    value = result.get_value(0, column)
    assert value is not None
    return value


def _integer(result: pq.abc.PGresult, column: int) -> int:
    return int.from_bytes(_value(result, column), "big", signed=True)


def _refused(refusals: bytes) -> dict[int, dict[str, Any]]:
    # Binary jsonb begins with one byte, its format's version.
    return {refusal["command"]: refusal for refusal in from_json(refusals[1:])}


def _refusal(refusal: dict[str, Any], command: Append) -> Verdict | DomainError:
    match refusal["reason"]:
        case "stored":
            return _stored(refusal, len(command.rows))
        case "replayed":
            return Replayed(
                UUID(refusal["stream"]), refusal["version"], refusal["position"], refusal["number"]
            )
        case "source_known":
            return CauseKnown(UUID(refusal["stream"]))
        case "key_reused":
            return KeyReused()
        case "subject_erased":
            return SubjectErased()
        case _:
            return VersionConflict()


def _stored(refusal: dict[str, Any], count: int) -> Appended:
    """The rows were there: the answer to an earlier try of the same command was lost."""
    first, tenant_first = refusal["log_position"], refusal["position"]
    return Appended(
        tuple(range(first, first + count)),
        tuple(range(tenant_first, tenant_first + count)),
        tuple(refusal["numbers"]),
        arrays.parse_timestamp(refusal["recorded_at"]),
        refusal["epoch"],
    )
