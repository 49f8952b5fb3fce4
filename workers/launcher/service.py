"""How the launcher runs one of our modules: import, wait for the word, drop root, `main()`.

Run as `python -m workers.launcher.service api.serve`. The importing happens while the database
starts. What comes on standard input is the word; the end of it means that the launcher is gone.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec

from workers.embedded.account import service_account
from workers.launcher.reach import keep_within_reach
from write_model.kernel.privileges import RUN_AS, drop_privileges

GO = b"go\n"


def run(name: str) -> None:
    if os.geteuid() == 0:
        keep_within_reach(service_account(os.environ[RUN_AS]))
    module = import_module(_runnable(name))
    if sys.stdin.buffer.readline() != GO:
        return
    _close_input()
    drop_privileges()
    module.main()


def _runnable(name: str) -> str:
    """A package is run by its `__main__`, as `python -m` would."""
    spec = find_spec(name)
    return f"{name}.__main__" if spec and spec.submodule_search_locations else name


def _close_input() -> None:
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, sys.stdin.fileno())
    os.close(empty)


if __name__ == "__main__":
    run(sys.argv[1])
