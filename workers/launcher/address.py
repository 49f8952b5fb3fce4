"""Where this run answers, written down for the commands on this machine."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from workers.launcher.first_login import read_first_login
from workers.launcher.home import Home, write_whole


def note_address(home: Home, url: str, say: Callable[[str], None]) -> None:
    """Into the home's `address`, and into the first login where there still is one.

    What cannot be written stops no start: `say` gets a warning.
    """
    with home.account.acting():
        try:
            write_whole(home.address, f"{url}\n".encode())
        except OSError as error:
            say(f"The address is not kept ({error}): give the commands --url {url}")
        # Whoever reads the first login reads the address before it.
        with suppress(OSError):
            _correct(home.first_login, url)


def _correct(first_login: Path, url: str) -> None:
    # Its owner may well have taken it away; without a password there is none to make.
    login = read_first_login(first_login)
    if login and login.get("url") != url:
        mode = stat.S_IMODE(first_login.stat().st_mode)
        write_whole(first_login, json.dumps(login | {"url": url}, indent=2).encode(), mode=mode)
