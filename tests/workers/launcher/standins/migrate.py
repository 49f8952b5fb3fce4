"""Logs in to the database as the migration will, and leaves a first login behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psycopg

from write_model.kernel.settings import Settings

LOGIN = {
    "email": "admin@example.test",
    "password": "first-password",
    "good_until": "2026-03-09T08:00:00+00:00",
}


def main() -> None:
    with psycopg.connect(Settings().conninfo("postgres")) as connection:
        connection.execute("SELECT 1")
    path = Path(os.environ["TALLYSTICK_HOME"]) / "first-login.json"
    path.write_text(json.dumps(LOGIN))
