"""The schema: every migration of this release was run, as it is, and none of another's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import LiteralString

from read_model.migrating import MIGRATIONS
from workers.connecting import Connection
from workers.doctor.finding import Finding

_APPLIED: LiteralString = "SELECT name, checksum FROM migrations.applied"


def look_at_migrations(connection: Connection) -> Iterator[Finding]:
    ours = {path.name: sha256(path.read_bytes()).digest() for path in MIGRATIONS.glob("*.sql")}
    run = {name: bytes(checksum) for name, checksum in connection.execute(_APPLIED).fetchall()}
    yield _compared(ours, run)


def _compared(ours: Mapping[str, bytes], run: Mapping[str, bytes]) -> Finding:
    missing, foreign = sorted(ours.keys() - run.keys()), sorted(run.keys() - ours.keys())
    changed = sorted(name for name in ours.keys() & run.keys() if ours[name] != run[name])
    if changed:
        advice = "Run the release that the database was made with: history is not edited."
        return Finding("migrations", f"changed since they were run: {', '.join(changed)}", advice)
    if foreign:
        advice = "The database is of a newer release: run that one."
        return Finding("migrations", f"unknown here: {', '.join(foreign)}", advice)
    if missing:
        advice = "Start this release: it runs them before it serves."
        return Finding("migrations", f"not run yet: {', '.join(missing)}", advice)
    return Finding("migrations", f"{len(ours)} run, as they are in this release")
