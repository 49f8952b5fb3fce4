"""Keeps services running: starts them, starts them again when they die, stops them in order."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from signal import SIGTERM, Signals

from workers.launcher.leaving import Leaving, wait_or_kill
from workers.launcher.ledger import Ledger
from workers.launcher.service import GO

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_MOST_DOUBLINGS = 10
_SETTLED_S = 10.0
"""A service that lived this long starts with the first pause again."""


@dataclass(frozen=True, slots=True)
class Service:
    """One process to keep alive."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stop_signal: Signals = SIGTERM
    grace_s: float = 10.0
    """How long it may take to stop before it is killed."""
    leave_s: float = 10.0
    """The same, once another has taken its place."""
    gated: bool = False
    """Whether it waits on its standard input for the word to go."""


@dataclass(slots=True)
class _Running:
    service: Service
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    due_s: float = 0.0
    failures: int = 0
    """In a row."""


@dataclass(slots=True)
class Supervisor:
    """Never blocks but in `stop`; call `turn` when a child may have ended or a restart is due."""

    ledger: Ledger
    say: Callable[[str], None]
    gate_open: bool = False
    _running: dict[str, _Running] = field(default_factory=dict[str, "_Running"])
    _leaving: Leaving = field(init=False)

    def __post_init__(self) -> None:
        self._leaving = Leaving(self.ledger)

    def start(self, service: Service) -> None:
        running = self._running[service.name] = _Running(service)
        self._spawn(running)

    def open_gate(self) -> None:
        """Give the word to every service that waits for it, and from now on at each start."""
        self.gate_open = True
        for running in self._running.values():
            self._admit(running)

    def turn(self) -> float | None:
        """Look after all. Returns the seconds until the next restart is due, None without one."""
        self._leaving.turn()
        for running in self._running.values():
            self._look_after(running)
        due = [each.due_s for each in self._running.values() if each.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def restart(self, name: str) -> None:
        """Stop it and start it at once; for a changed source file."""
        running = self._running[name]
        self._end([running])
        running.failures = 0
        self._spawn(running)

    def hand_over(self, name: str, *, to: str) -> None:
        """Put the process that runs as `to` in the place of that of `name`, which is to leave."""
        running, successor = self._running[name], self._running.pop(to)
        before, running.process = running.process, successor.process
        running.started_s, running.failures = successor.started_s, successor.failures
        if before:
            self._leaving.ask(leaving(name), before, within_s=running.service.leave_s)
        if running.process:
            pid = running.process.pid
            self.ledger.note(name, pid, stop_signal=running.service.stop_signal)
        self.ledger.forget([to])

    def is_leaving(self, name: str) -> bool:
        """Whether the process that had this name before has not ended yet."""
        return leaving(name) in self._leaving

    def stop(self, groups: Iterable[Sequence[str]]) -> None:
        """Stop the named ones, group after group; within a group together."""
        self._leaving.end()
        for names in groups:
            self._end([self._running.pop(name) for name in names if name in self._running])
            self.ledger.forget(names)

    def pid(self, name: str) -> int:
        """Its process, 0 while it has none."""
        process = self._running[name].process
        return process.pid if process else 0

    def failures(self, name: str) -> int:
        return self._running[name].failures

    def _look_after(self, running: _Running) -> None:
        now = time.monotonic()
        if running.process is None:
            if now >= running.due_s:
                self._spawn(running)
        elif (code := running.process.poll()) is not None:
            self._schedule(running, _ending(code), now)

    def _schedule(self, running: _Running, ending: str, now: float) -> None:
        if now - running.started_s > _SETTLED_S:
            running.failures = 0
        # A float holds 2**1023 at most, which an hour and a half of failures would pass.
        doublings = min(running.failures, _MOST_DOUBLINGS)
        pause_s = min(_FIRST_PAUSE_S * 2**doublings, _LONGEST_PAUSE_S)
        running.failures += 1
        running.process, running.due_s = None, now + pause_s
        self.say(f"{running.service.name} {ending}; it starts again in {pause_s:.1f} s.")

    def _spawn(self, running: _Running) -> None:
        running.started_s = time.monotonic()
        try:
            running.process = running.service.start()
        except OSError as error:
            # Out of memory, disk or processes: what else runs goes on.
            ending = f"could not be started ({error.strerror})"
            self._schedule(running, ending, running.started_s)
            return
        self.ledger.note(
            running.service.name, running.process.pid, stop_signal=running.service.stop_signal
        )
        if self.gate_open:
            self._admit(running)

    def _admit(self, running: _Running) -> None:
        if running.service.gated and running.process:
            admit(running.process)

    def _end(self, group: list[_Running]) -> None:
        asked = [(each, each.process) for each in group if each.process]
        for each, process in asked:
            process.send_signal(each.service.stop_signal)
        began_s = time.monotonic()
        for each, process in asked:
            left_s = each.service.grace_s - (time.monotonic() - began_s)
            wait_or_kill(process, max(0.0, left_s))


def leaving(name: str) -> str:
    """What the ledger calls the process that another has taken the place of."""
    return f"{name}-leaving"


def admit(process: subprocess.Popen[bytes]) -> None:
    """Give the word to go; to one that is gone already it does not matter."""
    if process.stdin is None or process.stdin.closed:
        return
    try:
        process.stdin.write(GO)
        process.stdin.close()
    except BrokenPipeError:
        # Closing tried to flush once more; the descriptor itself is closed all the same.
        return


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {Signals(-code).name}"
    return f"ended with code {code}"
