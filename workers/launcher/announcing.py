"""What is printed once everything is up: where it answers, who logs in first, where the data is."""

from __future__ import annotations

from typing import Any

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
    lines = [
        f"  first login  {login['email']}  {login['password']}",
        f"               (kept in {home.first_login})",
    ]
    return [*lines, *_its_end(login)]


def _its_end(login: dict[str, Any]) -> list[str]:
    """Of a password that was made up; who has put his own into the file may have left it there."""
    if "good_until" not in login:
        return []
    day, again = login["good_until"][:10], f"./tallystick reset-password {login['email']}"
    return [f"               (unless changed it ends on {day}; then: {again})"]
