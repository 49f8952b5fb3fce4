"""Passwords that breaches have made public, looked up in a file that is never loaded."""

from __future__ import annotations

import re
from hashlib import sha1
from mmap import ACCESS_READ, mmap
from pathlib import Path

from write_model.kernel.errors import Invalid

VARIABLE = "TALLYSTICK_BREACHED_PASSWORDS"

_LINE = re.compile(rb"[0-9A-Fa-f]{40}:\d")
_DIGEST_BYTES = 40
_PUBLIC = "This password has been made public by a breach, so it will be guessed; choose another."


class BreachedRefused(ValueError):
    """The file cannot be used; the message says why and what to do."""


class Breached:
    """Sorted lines `SHA-1 in hexadecimal:count`, as Have I Been Pwned's downloader writes them.

    Two billion of them are asked with some 36 looks at the file, most of them at pages that the
    system keeps.
    """

    def __init__(self, path: Path) -> None:
        """Raises: BreachedRefused."""
        try:
            with path.open("rb") as file:
                self._lines = mmap(file.fileno(), 0, access=ACCESS_READ)
        except (OSError, ValueError) as error:
            raise BreachedRefused(
                f"{VARIABLE} names {path}, which cannot be read ({error}); name the file of"
                " breached passwords, or leave the setting out."
            ) from error
        if not _LINE.match(self._lines[: _DIGEST_BYTES + 2]):
            raise BreachedRefused(
                f"{VARIABLE} names {path}, which does not begin with a SHA-1 and a count, such as"
                " 000000005AD76BD555C1D6D771DE417A4B87E4B4:10; download it by hash, as one file."
            )

    def must_not_hold(self, password: str, *, field: str) -> None:
        """Raises: Invalid."""
        if self._holds(password):
            raise Invalid(_PUBLIC, field=field)

    def _holds(self, password: str) -> bool:
        digest = sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, len(self._lines)
        while low < high:
            begin, after = self._line_around((low + high) // 2, low)
            found = self._lines[begin : begin + _DIGEST_BYTES].upper()
            if found == digest:
                return True
            low, high = (after, high) if found < digest else (low, begin)
        return False

    def _line_around(self, place: int, low: int) -> tuple[int, int]:
        """Where it begins and the next one does; `low`: where a line before or this one begins."""
        begin = self._lines.rfind(b"\n", low, place) + 1
        end = self._lines.find(b"\n", place)
        return max(begin, low), len(self._lines) if end < 0 else end + 1


def breached_passwords(named: str) -> Breached | None:
    """None when no file is named. Raises: BreachedRefused."""
    return Breached(Path(named)) if named else None
