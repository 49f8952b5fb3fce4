"""A server that a killed launcher has left, and not written down, is in nobody's way."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP

from tests.embedded import SUPERUSER, TEMPLATE, password, private_folder, until
from workers.embedded.account import service_account
from workers.embedded.binaries import reachable_postgres
from workers.embedded.postgres import Cluster


@contextmanager
def new_cluster() -> Generator[tuple[Cluster, Path]]:
    """Not started yet, and where it writes what it says."""
    account = service_account()
    with private_folder() as folder:
        tree = reachable_postgres(folder, account)
        cluster = Cluster(tree, folder / "data", folder, account)
        cluster.initialize(password=password(SUPERUSER), database=TEMPLATE)
        yield cluster, folder / "postgres.log"


def test_whoever_starts_a_server_ends_the_one_that_nobody_looks_after() -> None:
    with new_cluster() as (cluster, output):
        left = cluster.start(output=output, durable=False)
        cluster.end_left_over()
        assert left.wait(30) is not None
        next_one = cluster.start(output=output, durable=False)
        until(lambda: cluster.ready(next_one.pid), "another one is ready")
        cluster.end_left_over()
        assert next_one.wait(30) == 0


def test_a_servers_children_are_ended_by_it_alone() -> None:
    """Told by somebody else, its checkpointer closes the log under those who still write."""
    with new_cluster() as (cluster, output):
        left = cluster.start(output=output, durable=False)
        until(lambda: cluster.ready(left.pid), "it is ready")
        left.send_signal(SIGSTOP)  # So that the children alone can answer.
        goes_on = threading.Timer(0.5, left.send_signal, [SIGCONT])
        goes_on.start()
        cluster.end_left_over()
        goes_on.join()
        assert left.wait(30) == 0
        said = output.read_text()
        assert said.index("received fast shutdown request") < said.index("shutting down")
