"""`tallystick projections rebuild`: what is shown is folded anew, beside what is shown now."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from api.command_line.projecting import AsJson, Home, asked, print_json

if TYPE_CHECKING:
    from projections.engine.log import Connection
    from projections.engine.progress import Progress
    from projections.engine.rebuilding import Rebuilt

Names = Annotated[list[str] | None, typer.Argument(help="Of projections; `list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="Rebuild every projection.")]

_REFRESH_S = 0.2

Done = TypeVar("Done")


def rebuild(
    names: Names = None, all_: All = False, as_json: AsJson = False, home: Home = None
) -> None:
    """Fold projections anew from the log and put them in the place of those that are read.

    Readers notice nothing, and the projector waits for some milliseconds at the end. It may be
    stopped at any moment and begun again.
    """
    from projections.catalog import CATALOG

    known = [projection.name for projection in CATALOG.projections]
    wanted = known if all_ else list(names or ())
    if not wanted or not set(wanted) <= set(known):
        raise typer.BadParameter(f"Name some of {', '.join(known)}, or all of them by --all.")
    try:
        rebuilt = asked(home, lambda connection: _rebuilt(connection, wanted))
    except KeyboardInterrupt:
        typer.echo("Stopped; what is shown is as it was. The same command begins again.", err=True)
        raise typer.Exit(130) from None
    _tell(wanted, rebuilt, as_json=as_json)


def drop_old(as_json: AsJson = False, home: Home = None) -> None:
    """Drop the tables that rebuilds have left, once nobody can still be reading them."""
    from projections.engine.rebuilding import drop_left

    dropped = asked(home, lambda connection: _unless_refused(partial(drop_left, connection)))
    if as_json:
        print_json({"dropped": dropped})
        return
    typer.echo("\n".join(f"dropped projections.{name}" for name in dropped) or "Nothing to drop.")


def _rebuilt(connection: Connection, names: list[str]) -> Rebuilt:
    from projections.catalog import CATALOG
    from projections.engine.rebuilding import Rebuild
    from workers.projector.collector import spare_collector

    spare_collector()
    with _Shown() as shown:
        return _unless_refused(partial(Rebuild(connection, CATALOG, shown.show).of, names))


def _unless_refused(work: Callable[[], Done]) -> Done:
    from projections.engine.rebuilding import AlreadyRebuilding
    from write_model.kernel.errors import LogRestored

    try:
        return work()
    except AlreadyRebuilding as error:
        raise _refused(str(error)) from error
    except LogRestored as error:
        raise _refused("The log was restored meanwhile; do it again.") from error


def _refused(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(2)


class _Shown:
    """A progress bar with its rate and the time left, where somebody looks."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]} events/s, left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", rate=0)
        self._began = self._shown_at = time.monotonic()
        self._phase = ""

    def __enter__(self) -> _Shown:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, progress: Progress) -> None:
        """Told some thousand times a second, it shows five."""
        now = time.monotonic()
        if progress.phase == self._phase and now - self._shown_at < _REFRESH_S:
            return
        self._phase, self._shown_at = progress.phase, now
        elapsed_s = max(now - self._began, _REFRESH_S)
        self._bar.update(
            self._task,
            description=progress.phase.value,
            completed=progress.done,
            total=progress.total,
            rate=round(progress.done / elapsed_s),
            refresh=True,
        )


def _tell(names: list[str], rebuilt: Rebuilt, *, as_json: bool) -> None:
    told: dict[str, Any] = {
        "events": rebuilt.events,
        "seconds": round(rebuilt.seconds, 3),
        "events_per_s": round(rebuilt.events / max(rebuilt.seconds, 1e-9)),
        "swap_ms": round(1000 * rebuilt.swap_s, 3),
        "parked": rebuilt.parked,
    }
    if as_json:
        print_json({"rebuilt": names, **told})
        return
    for name, value in {"rebuilt": ", ".join(names), **told}.items():
        typer.echo(f"{name:<14}{value}")
