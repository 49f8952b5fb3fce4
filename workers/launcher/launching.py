"""One run of the launcher, from the command line to its exit code."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress

from workers.embedded.account import service_account
from workers.embedded.postgres import InitializationFailed
from workers.launcher.address import note_address
from workers.launcher.announcing import announcement
from workers.launcher.bell import Bell
from workers.launcher.home import Home, HomeRefused
from workers.launcher.ledger import Ledger
from workers.launcher.listening import listening_socket
from workers.launcher.options import Options, OptionsRefused, read_options
from workers.launcher.servers import SERVERS
from workers.launcher.stack import MIGRATION, MODULES, Stack, StartFailed, StopAsked
from write_model.kernel.breached import BreachedRefused, breached_passwords
from write_model.kernel.secret_sources import SecretRefused


def launch(
    argv: Sequence[str], *, modules: Mapping[str, str] = MODULES, migration: str = MIGRATION
) -> int:
    """Run until somebody asks to stop. `modules`: service name -> module, else for tests.

    Returns the exit code: 0 when it was stopped, 1 when it could not start.
    """
    try:
        options = read_options(argv)
        breached_passwords(options.breached_passwords)  # Said here rather than in the api's log.
        home = Home(options.home, service_account(options.user), options.secret)
        home.prepare()
        # What the services write is theirs alone, whatever the caller's habit.
        os.umask(0o077)
        with home.lock():
            _run(options, home, modules, migration)
    except (
        *(HomeRefused, OptionsRefused, SecretRefused, StartFailed, InitializationFailed),
        *(BreachedRefused, LookupError, PermissionError),
    ) as error:
        print(f"tallystick: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: Options, home: Home, modules: Mapping[str, str], migration: str) -> None:
    ledger = Ledger(home.ledger, home.account)
    # First: they may hold the port.
    ledger.end_orphans(last=SERVERS, say=_say)
    with ExitStack() as undone:
        listening = undone.enter_context(listening_socket(options))
        home.master_secret()
        home.turn_logs()
        stack = Stack(options, home, Bell(), listening, ledger, _say, modules, migration)
        undone.callback(stack.stop)
        try:
            stack.start()
        except StopAsked:
            return
        if options.reload:
            _reload_on_change(stack, undone)
        note_address(home, options.url, _say)
        _say(announcement(options, home))
        stack.run()
        _say("Stopping ...")


def _reload_on_change(stack: Stack, undone: ExitStack) -> None:
    # Here, not above: only a developer's environment has the library.
    from workers.launcher.reloading import watch_sources

    ended = threading.Event()
    undone.callback(ended.set)
    watch_sources(stack.restart_soon, until=ended)


def _say(text: str) -> None:
    # Whoever listened may have gone, and what runs is to go on without him.
    with suppress(OSError):
        print(text, flush=True)
