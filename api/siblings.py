"""The api's processes of one installation tell each other what they have measured.

Whoever reads the figures reaches one of them, and it asks the others. Each listens on a socket in
the folder that is closed to others, under the lowest number that is free: so the numbers stay few,
however often processes are replaced. One that was killed leaves its socket, and so is missed.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import IO

import structlog

log = structlog.get_logger(__name__)

Answers = dict[str, bytes | None]
"""Number of a process -> what it tells; None of one that does not answer."""
Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]

_ANSWER_S = 0.5
"""Telling takes some milliseconds; who is slower answers no requests either."""
_WHOLE = b"# EOF\n"
"""The end of what is told: one that is killed meanwhile has told nothing."""
_WAITING_AT_MOST = 16


class Siblings:
    """The others, as one process knows them."""

    def __init__(self, folder: Path, *, wanted: int) -> None:
        """`wanted`: how many processes there are to be; with fewer, a dead one is missed."""
        self._folder, self.wanted = folder, wanted
        self.place = "1"
        """This process's own number."""

    @asynccontextmanager
    async def told(self, figures: Callable[[], bytes]) -> AsyncGenerator[None]:
        """Tell `figures` to whoever asks, until the block ends.

        Where there is no such folder nobody is told, and nobody asked.
        """
        if not self._folder.is_dir():
            yield
            return
        with self._take_place():
            path = self._socket(self.place)
            server = await asyncio.start_unix_server(_telling(figures), sock=_listening(path))
            try:
                yield
            finally:
                server.close()
                path.unlink(missing_ok=True)

    async def ask(self) -> Answers:
        """All others, together in half a second at most."""
        places = sorted(path.stem.removeprefix("api-") for path in self._folder.glob("api-*.sock"))
        others = [place for place in places if place != self.place]
        told = await asyncio.gather(*(_asked(self._socket(place)) for place in others))
        answers = dict(zip(others, told, strict=True))
        answering = 1 + sum(text is not None for text in told)
        return answers if answering < self.wanted else self._without_the_dead(answers)

    def _take_place(self) -> IO[bytes]:
        for number in count(1):
            if lock := self._free(str(number)):
                self.place = str(number)
                return lock
        raise AssertionError("There is always a number more.")

    def _without_the_dead(self, answers: Answers) -> Answers:
        """Others run in their stead, so that nobody misses them."""
        return {
            place: text
            for place, text in answers.items()
            if text is not None or not self._forgotten(place)
        }

    def _forgotten(self, place: str) -> bool:
        """True once nothing is left of a process that is dead; False of one that lives."""
        if lock := self._free(place):
            with lock:
                self._socket(place).unlink(missing_ok=True)
        return lock is not None

    def _free(self, place: str) -> IO[bytes] | None:
        """What a process holds as long as it lives; None while one does."""
        lock = (self._folder / f"api-{place}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return lock

    def _socket(self, place: str) -> Path:
        return self._folder / f"api-{place}.sock"


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(0o600)
    listening.listen(_WAITING_AT_MOST)
    return listening


def _telling(figures: Callable[[], bytes]) -> Connected:
    def tell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(figures() + _WHOLE)
        writer.close()

    return tell


async def _asked(path: Path) -> bytes | None:
    try:
        async with asyncio.timeout(_ANSWER_S):
            text = await _read(path)
    except (OSError, TimeoutError) as error:
        log.warning("process_does_not_answer", place=path.stem, reason=type(error).__name__)
        return None
    return text.removesuffix(_WHOLE) if text.endswith(_WHOLE) else None


async def _read(path: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        return await reader.read()
    finally:
        writer.close()
