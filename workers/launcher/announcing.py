"""What is printed once everything is up: where it answers, who logs in first, where the data is."""

from __future__ import annotations

from workers.launcher.first_login import read_first_login
from workers.launcher.home import Home
from workers.launcher.options import Options


def announcement(options: Options, home: Home) -> str:
    lines = ["Tallystick is ready.", f"  address      {options.url}", *_first_login(home)]
    return "\n".join([*lines, f"  data         {home.path}", "Ctrl-C stops it."])


def _first_login(home: Home) -> list[str]:
    with home.account.acting():
        login = read_first_login(home.first_login)
    if login is None:
        return []
    return [
        f"  first login  {login['email']}  {login['password']}",
        f"               (kept in {home.first_login})",
    ]
