"""Rows of a table spec, packed into binary Postgres arrays.

psycopg's dumper of lists visits each value through Python calls and costs more than the insert
(measured: 2.1 µs a value against 0.3). The layouts are those of `array_send` and `record_send`.
An array of rows is unnested once, where an array per column cost a small batch a third more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from operator import itemgetter
from struct import Struct
from typing import Any

_HEADER = Struct(">iiIii")
_EMPTY = Struct(">iiI")
_LENGTH = Struct(">i")
_INT2, _INT4, _INT8 = Struct(">ih"), Struct(">ii"), Struct(">iq")
_NULL = _LENGTH.pack(-1)
_SIXTEEN = _LENGTH.pack(16)
_TRUE, _FALSE = _LENGTH.pack(1) + b"\x01", _LENGTH.pack(1) + b"\x00"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Values = Sequence[Any]
Packed = list[bytes]


def _sized(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


# A loop per type and no call per value: packing is a third of the projector's work.


def _uuids(values: Values) -> Packed:
    return [
        _NULL if value is None else _SIXTEEN + value.int.to_bytes(16, "big") for value in values
    ]


def _texts(values: Values) -> Packed:
    # Most are names of states, teams, kinds: each is packed once.
    packed = {value: _NULL if value is None else _sized(value.encode()) for value in set(values)}
    return [packed[value] for value in values]


def _jsons(values: Values) -> Packed:
    return [_LENGTH.pack(len(value)) + value for value in values]


def _int2s(values: Values) -> Packed:
    return [_INT2.pack(2, value) for value in values]


def _int4s(values: Values) -> Packed:
    return [_INT4.pack(4, value) for value in values]


def _int8s(values: Values) -> Packed:
    return [_NULL if value is None else _INT8.pack(8, value) for value in values]


def _booleans(values: Values) -> Packed:
    return [_TRUE if value else _FALSE for value in values]


def _times(values: Values) -> Packed:
    return [
        _NULL if value is None else _INT8.pack(8, (value - _EPOCH) // _MICROSECOND)
        for value in values
    ]


def _text_lists(values: Values) -> Packed:
    return [_listed(TEXT, [text.encode() for text in texts]) for texts in values]


def _uuid_lists(values: Values) -> Packed:
    return [_listed(UUID, [bytes.fromhex(id_.replace("-", "")) for id_ in ids]) for ids in values]


def _nulls(values: Values) -> Packed:
    return [_NULL for _ in values]


def _listed(type_: Type, items: Sequence[bytes]) -> bytes:
    if not items:
        return _sized(_EMPTY.pack(0, 0, type_.oid))
    header = _HEADER.pack(1, 0, type_.oid, len(items), 1)
    return _sized(header + b"".join(map(_sized, items)))


@dataclass(frozen=True, slots=True)
class Type:
    """A Postgres type by its oid and that of its arrays, and how values are packed."""

    oid: int
    array_oid: int
    packed: Callable[[Values], Packed]


UUID = Type(2950, 2951, _uuids)
TEXT = Type(25, 1009, _texts)
JSON = Type(25, 1009, _jsons)
"""Text that is UTF-8 bytes already; never null."""
INT2 = Type(21, 1005, _int2s)
INT4 = Type(23, 1007, _int4s)
INT8 = Type(20, 1016, _int8s)
BOOLEAN = Type(16, 1000, _booleans)
TIME = Type(1184, 1185, _times)
UUIDS = Type(2951, 2951, _uuid_lists)
"""Ids as text."""
TEXTS = Type(1009, 1009, _text_lists)
TSVECTOR = Type(3614, 3643, _nulls)
"""Never written: the table makes it."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class PackedArray:
    """A parameter that is a binary array already."""

    oid: int
    data: bytes


def pack(type_: Type, values: Values) -> PackedArray:
    """One column of many rows; None becomes null."""
    header = _HEADER.pack(1, 1, type_.oid, len(values), 1)
    return PackedArray(type_.array_oid, header + b"".join(type_.packed(values)))


def pack_rows(
    oid: int, columns: Sequence[Column], rows: Sequence[Values], generated: Sequence[Column] = ()
) -> PackedArray:
    """Whole rows of the type `oid`; a column's values are packed together, one loop for all rows.

    The array's own type is for the statement to name: its parameter is sent without one. The type
    has the `generated` columns too, so that they travel empty.
    """
    fields: list[Iterable[bytes]] = [repeat(_LENGTH.pack(len(columns) + len(generated)))]
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        fields += repeat(_LENGTH.pack(column.type.oid)), column.type.packed(values)
    for column in generated:
        fields += repeat(_LENGTH.pack(column.type.oid)), column.type.packed(rows)
    packed = [_sized(b"".join(row)) for row in zip(*fields, strict=False)]
    header = _HEADER.pack(1, 0, oid, len(rows), 1)
    return PackedArray(0, header + b"".join(packed))


_COPY_BEGINS = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COUNT = Struct(">h")


def pack_copied(columns: Sequence[Column], rows: Sequence[Values]) -> bytes:
    """Rows as COPY reads them in its binary format, with its beginning and end."""
    fields: list[Iterable[bytes]] = [repeat(_COUNT.pack(len(columns)))]
    for at, column in enumerate(columns):
        fields.append(column.type.packed(list(map(itemgetter(at), rows))))
    packed = (b"".join(row) for row in zip(*fields, strict=False))
    return b"".join((_COPY_BEGINS, *packed, _COUNT.pack(-1)))
