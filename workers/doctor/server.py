"""Postgres: the release, what keeps commits safe, its clock, and its roles."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import LiteralString

from workers.connecting import Connection
from workers.doctor.finding import Finding

_OLDEST = 160_000
_MOST_APART_S = 1.0
"""Tokens and leases are judged to the second, by either clock."""

_VERSION: LiteralString = (
    "SELECT current_setting('server_version'), current_setting('server_version_num')::integer"
)
_SAFE: LiteralString = (
    "SELECT name, setting FROM pg_settings WHERE name IN"
    " ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums') ORDER BY name"
)
# A role or a database may have another value than the one this session sees.
_OVERRIDDEN: LiteralString = (
    "SELECT coalesce(r.rolname, d.datname, 'everybody'), given"
    " FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) given"
    " LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase"
    " WHERE (r.rolname IS NULL OR r.rolname LIKE 'tallystick\\_%')"
    " AND (d.datname IS NULL OR d.datname = current_database())"
    " AND given IN ('synchronous_commit=off', 'synchronous_commit=local') ORDER BY 1"
)
_CLOCK: LiteralString = "SELECT extract(epoch FROM clock_timestamp())::double precision"


def look_at_server(connection: Connection) -> Iterator[Finding]:
    yield _release(connection)
    yield _safe(connection)
    yield _clock(connection)


def _release(connection: Connection) -> Finding:
    [[name, number]] = connection.execute(_VERSION).fetchall()
    if number >= _OLDEST:
        return Finding("postgres", name)
    return Finding("postgres", name, "It is too old: move to Postgres 16 or newer.")


def _safe(connection: Connection) -> Finding:
    settings: dict[str, str] = dict(connection.execute(_SAFE).fetchall())
    unsafe = [name for name, value in settings.items() if value in ("off", "local")]
    unsafe += [f"{given} for {who}" for who, given in connection.execute(_OVERRIDDEN).fetchall()]
    found = ", ".join(f"{name} {value}" for name, value in settings.items())
    if not unsafe:
        return Finding("durability", found)
    advice = (
        f"A crash may lose what was confirmed, or not show it damaged: mend {', '.join(unsafe)}."
    )
    return Finding("durability", found, advice)


def _clock(connection: Connection) -> Finding:
    before = time.time()
    [[there]] = connection.execute(_CLOCK).fetchall()
    apart_s = clocks_apart_s(before, there, time.time())
    found = f"{apart_s:.3f} s from the database's"
    if apart_s <= _MOST_APART_S:
        return Finding("clock", found)
    return Finding("clock", found, "Let both machines follow the same time server (NTP).")


def clocks_apart_s(before: float, there: float, after: float) -> float:
    """By how much the other clock lies outside of the time in which it was asked."""
    return max(before - there, there - after, 0.0)
