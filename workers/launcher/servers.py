"""The embedded servers of a stack, where no server of one's own takes their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

from workers.embedded.binaries import reachable_postgres, reachable_valkey
from workers.embedded.postgres import Cluster
from workers.embedded.valkey import Cache
from workers.launcher.home import Home
from workers.launcher.modules import DATABASE
from workers.launcher.supervisor import Service

SERVERS = ("postgres", "valkey")


@dataclass(frozen=True, slots=True)
class Servers:
    home: Home
    sockets: Path
    say: Callable[[str], None]

    def made_cluster(self) -> Cluster:
        """The home's; made at the first start, which takes some seconds."""
        tree = reachable_postgres(self.home.library, self.home.account)
        cluster = Cluster(tree, self.home.database, self.sockets, self.home.account)
        cluster.end_left_over()
        if not cluster.exists:
            self.say("Making the database ...")
            password = self.home.administrators_password()
            cluster.initialize(password=password, database=DATABASE)
        return cluster

    def postgres(self, cluster: Cluster) -> Service:
        log = self.home.log("postgres")
        return Service("postgres", lambda: cluster.start(output=log), SIGINT, grace_s=30)

    def valkey(self, password: str) -> Service:
        server = reachable_valkey(self.home.library, self.home.account)
        cache = Cache(server, self.sockets, self.home.account, password)
        log = self.home.log("valkey")
        return Service("valkey", lambda: cache.start(output=log))
