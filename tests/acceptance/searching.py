"""Looks for a secret wherever it could have been written down, in every usual spelling."""

from __future__ import annotations

from base64 import b32encode, b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import md5, sha1, sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from redis import Redis


@dataclass(frozen=True, slots=True)
class Found:
    place: str
    spelling: str


class Search:
    """Searches bytes for words; upper and lower case are the same."""

    def __init__(self, *words: str) -> None:
        self._exact = dict(pair for word in words for pair in _exactly(word))
        self._folded = dict(pair for word in words for pair in _in_any_case(word))

    @property
    def spellings(self) -> int:
        return len(self._exact) + len(self._folded)

    def of(self, places: Iterable[tuple[str, bytes]]) -> list[Found]:
        """Every spelling in every place, each told once."""
        return [Found(place, spelling) for place, data in places for spelling in self._in(data)]

    def _in(self, data: bytes) -> Iterator[str]:
        folded = data.lower()
        yield from (name for needle, name in self._exact.items() if needle in data)
        yield from (name for needle, name in self._folded.items() if needle in folded)


def _exactly(word: str) -> Iterator[tuple[bytes, str]]:
    """Spellings in which case is meaning."""
    raw = word.encode()
    for shift in range(3):
        # What is before decides how the bytes fall into groups of three; the rims are cut off.
        start, end = -(-8 * shift // 6), (shift + len(raw)) * 8 // 6
        for name, encode in (("base64", b64encode), ("base64url", urlsafe_b64encode)):
            yield encode(bytes(shift) + raw)[start:end], f"{name} {shift}"
    for hashed in (md5, sha1, sha256):
        digest = hashed(raw, usedforsecurity=False).digest()
        yield digest, f"{hashed.__name__} digest"
        yield b64encode(digest).rstrip(b"="), f"{hashed.__name__} digest, base64"


def _in_any_case(word: str) -> Iterator[tuple[bytes, str]]:
    raw = word.lower().encode()
    yield raw, "utf-8"
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "latin-1"):
        yield word.lower().encode(encoding), encoding
    for letters in (word, word.lower(), word.upper()):
        for spelled in (letters.encode(), letters.encode("utf-16-le")):
            yield spelled.hex().encode(), "hex"
        yield "".join(f"%{byte:02x}" for byte in letters.encode()).encode(), "every byte percent"
        yield "".join(f"\\u{ord(letter):04x}" for letter in letters).encode(), "JSON escapes"
        yield "".join(f"&#{ord(letter)};" for letter in letters).encode(), "HTML entities"
    yield quote(word.lower()).lower().encode(), "percent"
    yield b32encode(word.encode())[: len(word.encode()) * 8 // 5].lower(), "base32"
    for hashed in (md5, sha1, sha256):
        yield hashed(word.encode(), usedforsecurity=False).hexdigest().encode(), hashed.__name__


def table_bytes(superuser: psycopg.Connection[Any]) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of every schema, as text and as the bytes that are stored."""
    tables = superuser.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname <> 'information_schema' ORDER BY 1, 2"
    ).fetchall()
    for schema, name in tables:
        table = sql.Identifier(schema, name)
        yield f"{schema}.{name} as text", _copied(superuser, _AS_TEXT, table)
        # A few of Postgres' own types have no binary form; their text has been looked at.
        if schema != "pg_catalog":
            yield f"{schema}.{name} as bytes", _copied(superuser, _AS_BYTES, table)


_AS_TEXT = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT text)")
_AS_BYTES = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT binary)")


def _copied(superuser: psycopg.Connection[Any], query: sql.SQL, table: sql.Identifier) -> bytes:
    with superuser.cursor().copy(query.format(table)) as rows:
        return b"".join(bytes(row) for row in rows)


def file_bytes(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every regular file below, the write-ahead log and the services' logs among them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_bytes()
            yield f"the name of {path.name}", path.name.encode()


def cache_bytes(url: str) -> Iterator[tuple[str, bytes]]:
    """Every key and value of a Valkey, in the form in which it would go to another."""
    cache: Any = Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]
    with cache:
        for key in cache.scan_iter():
            yield "a key of Valkey", key
            yield f"the value of {key!r} in Valkey", cache.dump(key) or b""


def process_bytes(pids: Iterable[int]) -> Iterator[tuple[str, bytes]]:
    """What anybody on the machine can see of a process: its arguments; and its environment."""
    for pid in pids:
        for name in ("cmdline", "environ"):
            yield f"{name} of {pid}", Path(f"/proc/{pid}/{name}").read_bytes()
