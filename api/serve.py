"""`python -m api.serve`: the web process."""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from signal import SIGINT
from types import FrameType
from typing import cast

import psycopg
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.doorkeeper import Doorkeeper
from api.draining import Draining
from api.patience import Patience
from api.process import Process
from api.pushing.socket import SocketProtocol
from projections.push import Ring
from write_model.kernel.breached import BreachedRefused, breached_passwords
from write_model.kernel.logs import configure_logs
from write_model.kernel.privileges import drop_privileges
from write_model.kernel.settings import APP, Settings

_NAMED = (
    "httptools",
    "uvloop",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
)
"""What the server looks up by name when it starts."""

# Before root is given up: Python's own folder may be closed to the account afterwards.
for _name in _NAMED:
    import_module(_name)

_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.1
_GRACE_S = 5
_TICKS_A_SECOND = 10
_WS_PING_S = 20.0


class DatabaseMissing(Exception):
    """The database or its schema did not appear in time."""


class Server(uvicorn.Server):
    """Leaves no request unanswered when it is asked to end by SIGTERM.

    SIGINT asks for an end within a second: requests under way are answered, and nothing else.
    """

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._told_by, self._is_hurried = settings.ready_descriptor, False
        self.patience = Patience(self.server_state.connections, settings, config.timeout_keep_alive)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._told_by is not None:
            _tell(self._told_by)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        is_drain_cut_short = self.should_exit and sig == SIGINT and not self._is_hurried
        self._is_hurried = self._is_hurried or sig == SIGINT
        # To the library, that means an end without closing what was opened.
        if not is_drain_cut_short:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_SECOND == 0:
            self.patience.look()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        app = cast("FastAPI", self.config.app)
        if process := cast("Process | None", getattr(app.state, "process", None)):
            await Draining(self.server_state, process, lambda: self._is_hurried).run()
            await process.drain()
        await super().shutdown(sockets)


def _tell(descriptor: int) -> None:
    # Whoever wanted to know may be gone.
    with suppress(BrokenPipeError):
        os.write(descriptor, b"ready\n")
    os.close(descriptor)


def main() -> None:
    """Serve until SIGTERM or SIGINT, on the socket that was handed down if one was."""
    drop_privileges()
    settings = Settings()
    configure_logs(settings.log_level)
    must_be_readable(settings)
    wait_for_schema(settings)
    spare_the_collector()
    listening = settings.listen_descriptor
    sockets = None if listening is None else [socket.socket(fileno=listening)]
    # It has ended in peace, and then tells once more which signal asked for it.
    with suppress(KeyboardInterrupt):
        server(settings).run(sockets)


def must_be_readable(settings: Settings) -> None:
    """End with what to do about it when a file that a setting names cannot be used."""
    try:
        breached_passwords(settings.breached_passwords)
    except BreachedRefused as error:
        sys.exit(str(error))


def spare_the_collector() -> None:
    """Look for cycles among young objects only, and hardly ever through everything.

    The states that are kept in memory are long-lived and have no cycles; a full look through them
    held every request up for 120-180 ms, some ten seconds apart during an import. With 10,000 new
    objects a look instead of 50,000, one command of a hundred took 9 ms instead of 4.
    """
    gc.freeze()
    gc.set_threshold(50_000, 10, 500)


def server(settings: Settings, *, ring: Ring | None = None) -> Server:
    """The server of one process, on the settings' host and port."""
    config = uvicorn.Config(
        create_app(settings, ring=ring),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=Doorkeeper,
        ws=SocketProtocol,
        ws_per_message_deflate=False,
        ws_ping_interval=_WS_PING_S,
        ws_ping_timeout=_WS_PING_S,
        ws_max_size=64 * 1024,
        access_log=False,
        # Whose word on addresses is taken is set, and asked only where an address counts.
        proxy_headers=False,
        log_config=None,
        server_header=False,
        date_header=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=75,
    )
    return Server(config, settings)


def wait_for_schema(settings: Settings, *, patience_s: float = _PATIENCE_S) -> None:
    """Return once the database answers and has its schema.

    Raises: DatabaseMissing.
    """
    deadline = time.monotonic() + patience_s
    while (reason := _missing(settings)) is not None:
        if time.monotonic() > deadline:
            raise DatabaseMissing(f"The database is not ready: {reason}")
        # Nothing tells when a schema has come, so it is asked for. A signal ends the process at
        # once, also in its sleep: no handler is set before the server runs.
        time.sleep(_LOOK_EVERY_S)


def _missing(settings: Settings) -> str | None:
    """Why the api cannot start yet; None when it can."""
    try:
        with psycopg.connect(settings.conninfo(APP), connect_timeout=2) as connection:
            connection.execute("SELECT is_led FROM projections.health()").fetchone()
    except (psycopg.Error, FileNotFoundError) as error:
        return str(error)
    return None


if __name__ == "__main__":
    main()
