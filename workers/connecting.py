"""Connections of workers: made soon or not at all, and given up when the other end is gone."""

from __future__ import annotations

from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]


def connected(conninfo: str, *, statement_timeout_s: int) -> Connection:
    """A connection in autocommit that times are told to in UTC."""
    return psycopg.connect(
        conninfo,
        autocommit=True,
        options=f"-c timezone=UTC -c statement_timeout={statement_timeout_s}s -c lock_timeout=5s",
        connect_timeout=5,
        # A host that has gone away without a word is noticed after half a minute, not two hours.
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=4,
    )
