"""Where this run answers, written down for the commands on this machine."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from workers.launcher.first_login import read_first_login
from workers.launcher.home import Home, write_whole


def note_address(home: Home, url: str) -> None:
    """Into the home's `address`, and into the first login where there still is one."""
    with home.account.acting():
        write_whole(home.address, f"{url}\n".encode())
        # Its owner may well have taken it away; without a password there is none to make.
        if login := read_first_login(home.first_login):
            _correct(home.first_login, login, url)


def _correct(first_login: Path, login: dict[str, Any], url: str) -> None:
    if login.get("url") != url:
        mode = stat.S_IMODE(first_login.stat().st_mode)
        write_whole(first_login, json.dumps(login | {"url": url}, indent=2).encode(), mode=mode)
