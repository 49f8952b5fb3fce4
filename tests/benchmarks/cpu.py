"""CPU seconds of a Postgres server, as the system shows them."""

from __future__ import annotations

from pathlib import Path

from workers.connecting import Connection
from write_model.kernel.settings import APP

_PER_S = 100
_PARENT, _OWN, _OF_ENDED = 1, slice(11, 13), slice(13, 15)


def server_s(connection: Connection) -> float:
    """Of all its processes, ended ones too, but those that serve the app; 0 where none is shown."""
    backend = connection.info.backend_pid
    if not Path(f"/proc/{backend}/stat").exists():
        return 0.0
    first = int(_shown(backend)[_PARENT])
    children = map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())
    ticks = sum(_ticks(pid, _OWN) for pid in (first, *children) if not _serves_the_app(pid))
    return (ticks + _ticks(first, _OF_ENDED)) / _PER_S


def _serves_the_app(pid: int) -> bool:
    return f" {APP} ".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()


def _ticks(pid: int, fields: slice) -> int:
    return sum(map(int, _shown(pid)[fields]))


def _shown(pid: int) -> list[str]:
    """What follows the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
