"""Who the servers run as: the caller, or an unprivileged account when the caller is root."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the system that exists already; none is ever made."""

    name: str
    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Whether it may pass through every folder down to `path`, and into it."""
        resolved = path.resolve()
        return all(self.may_pass(folder) for folder in (*resolved.parents, resolved))

    def may_pass(self, folder: Path) -> bool:
        """Whether it may pass through this one folder, by owner, group or others."""
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)

    @contextmanager
    def acting(self) -> Generator[None]:
        """Touch files as this account, also when the process is root's.

        Root must not follow the links that an account could lay in a folder of its own.
        """
        if os.geteuid() != 0:
            yield
            return
        group = os.getegid()
        os.setegid(self.gid)
        os.seteuid(self.uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)


def service_account(name: str = "") -> Account:
    """The caller's own account; for root, the one named, by default `nobody`.

    Raises: LookupError when it does not exist; PermissionError when it may not be used.
    """
    if os.geteuid() != 0:
        return _callers_account(name)
    try:
        entry = pwd.getpwnam(name or "nobody")
    except KeyError as error:
        raise LookupError(f"There is no user {name!r} on this machine.") from error
    if entry.pw_uid == 0:
        raise PermissionError("Postgres does not run as root: name an ordinary user.")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def owner_of(home: Path) -> Account:
    """The account that a data home belongs to.

    Raises: FileNotFoundError; LookupError and PermissionError as `service_account`.
    """
    uid = home.stat().st_uid
    return service_account(_name_of(uid) if os.geteuid() == 0 else "")


def _callers_account(name: str) -> Account:
    caller = Account(_name_of(os.geteuid()), os.geteuid(), os.getegid())
    if name and name != caller.name:
        raise PermissionError("Only root may run the services as another user.")
    return caller


def _name_of(uid: int) -> str:
    # Containers often run under a number that has no entry.
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
