"""Puts new api processes in the place of the old ones, one at a time and never with one less."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from workers.launcher.apis import Apis
from workers.launcher.supervisor import Supervisor

_NEXT = "-next"
_PATIENCE_S = 60.0


class WaitUntil(Protocol):
    """Looks after everything meanwhile; raises StartFailed when it takes too long."""

    def __call__(self, true: Callable[[], bool], name: str, /, *, patience_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Succession:
    """The old one is asked to leave only when the new one answers."""

    apis: Apis
    supervisor: Supervisor
    wait_until: WaitUntil

    def replace_all(self) -> None:
        """Raises: StartFailed when a new one does not come up; the old one goes on then."""
        for name in self.apis.names:
            self._replace(name)

    def _replace(self, name: str) -> None:
        following = successor(name)
        self.supervisor.start(self.apis.service(following, log=name))
        with ExitStack() as undone:
            undone.callback(self.supervisor.stop, [[following]])
            ready = partial(self.apis.is_ready, following)
            self.wait_until(ready, following, patience_s=_PATIENCE_S)
            undone.pop_all()
        self.supervisor.hand_over(name, to=following)
        # Whoever takes longer is killed before.
        self.wait_until(partial(self._is_gone, name), name, patience_s=2 * self.apis.leave_s)

    def _is_gone(self, name: str) -> bool:
        return not self.supervisor.is_leaving(name)


def successor(name: str) -> str:
    """What the one is called that is to take its place."""
    return name + _NEXT


def log_of(name: str) -> str:
    """Whose log a process writes: that of the one whose place it takes."""
    return name.removesuffix(_NEXT)
