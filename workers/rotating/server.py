"""The embedded Postgres, alone: for what is done while nothing else runs on a home."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT

from workers.embedded.binaries import reachable_postgres
from workers.embedded.postgres import Cluster
from workers.launcher.home import Home
from workers.launcher.leaving import wait_or_kill
from workers.launcher.ledger import Ledger
from workers.launcher.servers import SERVERS
from workers.launcher.stack import StartFailed

_NAME = "postgres"
_PATIENCE_S, _GRACE_S = 300.0, 30.0
"""Of a start after a crash, and of a stop, as the launcher's."""


@contextmanager
def database_alone(home: Home, say: Callable[[str], None]) -> Generator[Path]:
    """Where its socket lies, until the block ends. The caller has locked the home.

    Raises: StartFailed.
    """
    ledger = Ledger(home.ledger, home.account)
    ledger.end_orphans(last=SERVERS, say=say)
    sockets = home.sockets()
    tree = reachable_postgres(home.library, home.account)
    cluster = Cluster(tree, home.database, sockets, home.account)
    cluster.end_left_over()
    process = cluster.start(output=home.log(_NAME))
    ledger.note(_NAME, process.pid, stop_signal=SIGINT)
    try:
        _wait_until_ready(cluster, process)
        yield sockets
    finally:
        process.send_signal(SIGINT)
        wait_or_kill(process, _GRACE_S)
        ledger.forget([_NAME])
        if sockets.parent != home.path:  # apart, where the home's own path is too long
            with home.account.acting():
                shutil.rmtree(sockets)


def _wait_until_ready(cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not cluster.ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartFailed("Postgres did not start; see logs/postgres.log in the home.")
        time.sleep(0.02)
