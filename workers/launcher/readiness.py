"""A pipe on which a process says that it answers requests."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager


class Readiness:
    """Of one process; asking it never blocks."""

    def __init__(self) -> None:
        self._ear, self._mouth = os.pipe()
        os.set_blocking(self._ear, False)
        self._told = False

    @contextmanager
    def mouth(self) -> Generator[int]:
        """The descriptor for the process, which has its own once the block ends."""
        try:
            yield self._mouth
        finally:
            os.close(self._mouth)

    @property
    def is_told(self) -> bool:
        if not self._told:
            try:
                self._told = os.read(self._ear, 64) != b""
            except BlockingIOError:
                return False
        return self._told

    def close(self) -> None:
        os.close(self._ear)
