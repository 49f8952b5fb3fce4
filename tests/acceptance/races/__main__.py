"""`python -m tests.acceptance.races`: a race on a server of its own that syncs every commit."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import secrets
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from read_model.migrating import migrate
from tests.acceptance.races.plan import Plan
from tests.acceptance.races.race import race
from tests.embedded import LOGIN_ROLES, MASTER_SECRET, password, private_folder, running_postgres
from write_model.kernel.settings import Settings


def on_its_own_server(plan: Plan) -> dict[str, Any]:
    """The report of a race on a fresh, durable server."""
    passwords = {role: password(role) for role in LOGIN_ROLES}
    with (
        tempfile.TemporaryDirectory() as home,
        private_folder() as sockets,
        running_postgres(sockets, partial(migrate, passwords=passwords), durable=True) as server,
        server.database() as database,
    ):
        (Path(home) / "secrets").write_bytes(base64.urlsafe_b64encode(MASTER_SECRET))
        settings = Settings(home=Path(home), socket_folder=sockets, database_name=database.name)
        return asyncio.run(race(plan, settings, database.conninfo("postgres"), Path(home)))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.races")
    parser.add_argument("--commands", type=int, default=200_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", action="store_true", help="print nothing but the report")
    return parser.parse_args()


def main() -> int:
    asked = _asked()
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    if not asked.json:
        sys.stdout.write(f"seed {seed}\n")
    report = on_its_own_server(Plan(asked.commands, asked.processes, asked.kills, seed))
    sys.stdout.write(json.dumps(report, indent=None if asked.json else 2) + "\n")
    return 1 if report["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
