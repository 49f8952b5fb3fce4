"""The data home: made, owned, locked, and where each thing in it lies."""

from __future__ import annotations

import base64
import fcntl
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO

from workers.embedded.account import Account
from write_model.kernel.secret_sources import LENGTH, OF_THIS_RUN, VARIABLE, secret_bytes

_LONGEST_SOCKET = 107
"""Bytes that a Unix socket's path may have on Linux (unix(7)), less the closing zero."""
_LOG_KEPT_BYTES = 10 * 1024 * 1024


class HomeRefused(Exception):
    """The folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """A folder of mode 0700 that belongs to the account of the services."""

    path: Path
    account: Account
    secret: str = field(default="", repr=False)
    """What the environment gives as master secret; empty for the file in the home."""

    @property
    def database(self) -> Path:
        return self.path / "postgres"

    @property
    def library(self) -> Path:
        return self.path / "lib"

    @property
    def first_login(self) -> Path:
        return self.path / "first-login.json"

    @property
    def address(self) -> Path:
        return self.path / "address"

    @property
    def ledger(self) -> Path:
        return self.path / "services.json"

    @property
    def restart(self) -> Path:
        """How the last restart of the api ended: empty, or a sentence that says what went wrong."""
        return self.path / "restart"

    @property
    def secret_file(self) -> Path:
        return self.path / "secrets"

    @property
    def next_secret(self) -> Path:
        """The one that takes the place of the master secret; there while that goes on."""
        return self.path / "secrets.next"

    @property
    def _lock(self) -> Path:
        return self.path / "tallystick.lock"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Make the folder, or make sure that it is ours.

        Raises: HomeRefused.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self.path.mkdir(mode=0o700)
        if not self.account.reaches(self.path.parent):
            raise HomeRefused(
                f"{self.account.name} cannot enter {self.path.parent}. "
                "Choose another folder with --home, or another user with --user."
            )
        self._take()
        with self.account.acting():
            for name in ("run", "logs", "lib"):
                (self.path / name).mkdir(mode=0o700, exist_ok=True)

    def _take(self) -> None:
        owner = self.path.stat().st_uid
        if owner == self.account.uid and self._is_ours_or_empty():
            self.path.chmod(0o700)
        elif owner == os.geteuid() and not any(self.path.iterdir()):
            os.chown(self.path, self.account.uid, self.account.gid)
            self.path.chmod(0o700)
        else:
            raise HomeRefused(
                f"{self.path} is not an empty folder and not a data home of {self.account.name}. "
                "Choose another folder with --home, or its owner with --user."
            )

    def _is_ours_or_empty(self) -> bool:
        return self._lock.exists() or not any(self.path.iterdir())

    def lock(self) -> IO[bytes]:
        """Hold the home until the file is closed or the process ends.

        Raises: HomeRefused when another launcher holds it.
        """
        with self.account.acting():
            file = self._lock.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise HomeRefused(f"Tallystick is running already on {self.path}.") from error
        file.truncate(0)
        file.write(b"%d\n" % os.getpid())
        file.flush()
        return file

    def note_restart(self, outcome: str) -> None:
        with self.account.acting():
            write_whole(self.restart, outcome.encode())

    def master_secret(self) -> bytes:
        """The 32 bytes that every key and password derives from; made on the first start.

        Raises: SecretRefused; HomeRefused when the one of an older start is missing, or is being
        replaced.
        """
        path = self.secret_file
        with self.account.acting():
            if self.next_secret.exists():
                raise HomeRefused(
                    "The master secret is being replaced: end that with `./tallystick"
                    f" rotate-secret --home {self.path}`."
                )
            if not self.secret and not path.exists():
                self._make_secret(path)
            return secret_bytes(path, self.secret)

    def _make_secret(self, path: Path) -> None:
        if self.database.exists():
            raise HomeRefused(
                f"The secret that the database in {self.path} was made with is missing. "
                f"Put it into {VARIABLE}, or bring {path} back."
            )
        write_whole(path, _line(secrets.token_bytes(LENGTH)))

    def administrators_password(self) -> str:
        """Of the embedded database's."""
        return _password(self.master_secret()[:LENGTH], "postgres")

    def renew_passwords(self, sockets: Path) -> str:
        """What the services say to the embedded servers from now on; the cache's is answered."""
        secret = secrets.token_bytes(LENGTH)
        with self.account.acting():
            write_whole(sockets / OF_THIS_RUN, _line(secret))
        return _password(secret, "valkey")

    def sockets(self) -> Path:
        """Where the servers' sockets lie: in the home, or apart when its path is too long."""
        folder = self.path / "run"
        if len(os.fsencode(folder / ".s.PGSQL.5432")) <= _LONGEST_SOCKET:
            return folder
        with self.account.acting():
            return Path(tempfile.mkdtemp(prefix="tallystick-"))

    def open_log(self, name: str) -> IO[bytes]:
        with self.account.acting():
            return self.log(name).open("ab")

    def turn_logs(self) -> None:
        """Set long logs aside, one generation."""
        with self.account.acting():
            for path in (self.path / "logs").glob("*.log"):
                if path.stat().st_size > _LOG_KEPT_BYTES:
                    path.replace(path.with_suffix(".log.1"))


def _line(secret: bytes) -> bytes:
    return base64.urlsafe_b64encode(secret) + b"\n"


def _password(secret: bytes, role: str) -> str:
    """The same formula stands in the kernel's `MasterSecret`, which this cannot import."""
    return hmac.new(secret, f"tallystick/database/{role}".encode(), sha256).hexdigest()


def write_whole(path: Path, text: bytes, *, mode: int = 0o600) -> None:
    """Under another name until it is on disk: half a secret would be taken for a whole one."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    with unfinished.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.chmod(mode)
    unfinished.replace(path)
