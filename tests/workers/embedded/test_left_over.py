"""A server that a killed launcher has left, and not written down, is in nobody's way."""

from __future__ import annotations

from tests.embedded import SUPERUSER, TEMPLATE, password, private_folder, until
from workers.embedded.account import service_account
from workers.embedded.binaries import reachable_postgres
from workers.embedded.postgres import Cluster


def test_whoever_starts_a_server_ends_the_one_that_nobody_looks_after() -> None:
    account = service_account()
    with private_folder() as folder:
        tree = reachable_postgres(folder, account)
        cluster = Cluster(tree, folder / "data", folder, account)
        cluster.initialize(password=password(SUPERUSER), database=TEMPLATE)
        left = cluster.start(output=folder / "postgres.log", durable=False)
        cluster.end_left_over()
        assert left.wait(5) is not None
        next_one = cluster.start(output=folder / "postgres.log", durable=False)
        until(lambda: cluster.ready(next_one.pid), "another one is ready")
        cluster.end_left_over()
        assert next_one.wait(5) == 0
        said = (folder / "postgres.log").read_text()
        assert said.rstrip().endswith("database system is shut down")
        assert "PANIC" not in said
        assert "unexpectedly" not in said
