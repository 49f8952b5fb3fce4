"""What is printed once everything is up: where it answers, who logs in first, where the data is."""

from __future__ import annotations

import json

from workers.launcher.home import Home
from workers.launcher.options import Options


def announcement(options: Options, home: Home) -> str:
    lines = ["Tallystick is ready.", f"  address      {options.url}", *_first_login(home)]
    return "\n".join([*lines, f"  data         {home.path}", "Ctrl-C stops it."])


def _first_login(home: Home) -> list[str]:
    try:
        with home.account.acting():
            login = json.loads(home.first_login.read_text())
        return [
            f"  first login  {login['email']}  {login['password']}",
            f"               (kept in {home.first_login})",
        ]
    except FileNotFoundError:
        # Its owner may well have taken it away after the first login.
        return []
