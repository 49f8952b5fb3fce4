"""How the launcher runs one of our modules: import, wait for the word, drop root, `main()`.

Run as `python -m workers.launcher.service api.serve`. The importing happens while the database
starts. What comes on standard input is the word; the end of it means that the launcher is gone.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from write_model.kernel.privileges import drop_privileges

GO = b"go\n"

_LOADED_LATE = ("encodings.idna", "http.client", "linecache")
"""Parts of the standard library that load on first use, which may be out of reach by then."""


def run(name: str) -> None:
    module = import_module(name)
    for late in _LOADED_LATE:
        import_module(late)
    if sys.stdin.buffer.readline() != GO:
        return
    _close_input()
    drop_privileges()
    module.main()


def _close_input() -> None:
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, sys.stdin.fileno())
    os.close(empty)


if __name__ == "__main__":
    run(sys.argv[1])
