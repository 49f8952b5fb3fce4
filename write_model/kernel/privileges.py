"""A service that was started by root gives root up before it serves anybody, for good."""

from __future__ import annotations

import os
import pwd
from typing import Protocol

RUN_AS = "TALLYSTICK_RUN_AS"
"""The environment variable in which the launcher names the account."""


class System(Protocol):
    """The part of `os` that says and changes who a process is."""

    def geteuid(self) -> int: ...
    def setgroups(self, groups: list[int], /) -> None: ...
    def setgid(self, gid: int, /) -> None: ...
    def setuid(self, uid: int, /) -> None: ...


def drop_privileges(system: System = os) -> None:
    """Become the account that the launcher named; nothing to do for an ordinary user.

    A service is started as root where Python itself lies in a folder that only root may enter,
    so import first what will be needed. Calling it twice is harmless.

    Raises: KeyError when the account does not exist; PermissionError when it is root's.
    """
    name = os.environ.get(RUN_AS, "")
    if system.geteuid() != 0 or not name:
        return
    entry = pwd.getpwnam(name)
    if entry.pw_uid == 0:
        raise PermissionError("A service does not run as root.")
    system.setgroups([])
    system.setgid(entry.pw_gid)
    # For root this sets the real and the saved id too: there is no way back.
    system.setuid(entry.pw_uid)
