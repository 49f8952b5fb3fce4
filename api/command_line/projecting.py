"""`tallystick projections`: how far what is shown has come, and whether it may go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import typer

if TYPE_CHECKING:
    from projections.engine.checkpoint import Lag
    from projections.engine.log import Connection
    from projections.engine.watching import Rebuilding
    from read_model.watching import Watched

    Status: TypeAlias = tuple[Lag, Watched, Rebuilding | None]

Found = TypeVar("Found")

app = typer.Typer(
    no_args_is_help=True, help="See how far what is shown has come; pause it, let it go on."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Home = Annotated[Path | None, typer.Option(help="The data home; DATABASE_URL goes before it.")]

_NEXT_STEPS = {
    "paused": "What is shown stands still; `tallystick projections resume` lets it go on.",
    "no projector": "Nothing is applied; `tallystick up` starts a projector.",
}

# What a command needs is loaded when it runs: half a second that no other command should pay.


@app.command("list")
def list_projections(as_json: AsJson = False, home: Home = None) -> None:
    """Print every projection: its name, the version that is read, and its table."""
    from projections.engine.pointers import pointers

    found = asked(home, pointers)
    if as_json:
        print_json([{"name": p.name, "version": p.version, "table": p.table} for p in found])
        return
    for pointer in found:
        typer.echo(f"{pointer.name:<20} {pointer.version:>7}  projections.{pointer.table}")


@app.command()
def status(as_json: AsJson = False, home: Home = None) -> None:
    """Print how far the log has been applied, by whom, how fast, and what was set aside."""
    _tell(asked(home, _status), as_json=as_json)


@app.command()
def pause(as_json: AsJson = False, home: Home = None) -> None:
    """Apply nothing from now on, also after a restart; what is shown stands still."""
    from projections.engine import checkpoint

    _tell(asked(home, _then_status(checkpoint.pause)), as_json=as_json)


@app.command()
def resume(as_json: AsJson = False, home: Home = None) -> None:
    """Go on after a pause, from where it began."""
    from projections.engine import checkpoint

    _tell(asked(home, _then_status(checkpoint.resume)), as_json=as_json)


def _status(connection: Connection) -> Status:
    from projections.engine.checkpoint import lag
    from projections.engine.watching import newest
    from read_model.watching import watch

    watched, _ = watch(connection)
    return lag(connection), watched, newest(connection)


def _then_status(change: Callable[[Connection], None]) -> Callable[[Connection], Status]:
    def changed(connection: Connection) -> Status:
        change(connection)
        return _status(connection)

    return changed


def asked(
    home: Path | None, question: Callable[[Connection], Found], *, role: str | None = None
) -> Found:
    """The answer of the running database, asked as its tailer or as another role."""
    from workers.projector.reaching import Unreachable, reached
    from write_model.kernel.settings import TAILER, Settings

    settings = Settings(home=home.expanduser()) if home else Settings()
    try:
        with reached(settings, role=role or TAILER) as connection:
            return question(connection)
    except Unreachable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _tell(status: Status, *, as_json: bool) -> None:
    found, watched, rebuild = status
    if as_json:
        print_json(_as_json(found, watched, rebuild))
        return
    state = _state(found)
    typer.echo(f"state         {state}")
    typer.echo(f"position      {found.position} of {found.head}")
    typer.echo(f"behind        {found.behind} events, {found.waiting_for.total_seconds():.1f} s")
    typer.echo(f"lately        {watched.events_per_s:.0f} events/s")
    typer.echo(f"last batch    {watched.last_events} events in {1000 * watched.last_s:.1f} ms")
    typer.echo(f"lease holder  {found.holder or 'none'}")
    typer.echo(f"parked        {found.parked} records, {watched.parked_events} events")
    if rebuild is not None:
        typer.echo(f"rebuild       {', '.join(rebuild.names)}: {_said_of(rebuild)}")
    if state in _NEXT_STEPS and not _renews(found, rebuild):
        typer.echo(_NEXT_STEPS[state])
    if found.parked:
        typer.echo("`tallystick dead-letters list` says what is parked, and why.")


def _renews(found: Lag, rebuild: Rebuilding | None) -> bool:
    """The projector's process rebuilds before it projects."""
    return not found.held and rebuild is not None and rebuild.state == "running"


def _said_of(rebuild: Rebuilding) -> str:
    if rebuild.state == "running":
        return f"{rebuild.phase} {rebuild.share:.0%}"
    return f"{rebuild.state} ({rebuild.error})" if rebuild.error else rebuild.state


def _rebuild_as_json(rebuild: Rebuilding | None) -> dict[str, Any] | None:
    if rebuild is None:
        return None
    return {
        "names": rebuild.names,
        "state": rebuild.state,
        "phase": rebuild.phase,
        "done": rebuild.done,
        "total": rebuild.total,
        "error": rebuild.error,
    }


def _as_json(found: Lag, watched: Watched, rebuild: Rebuilding | None) -> dict[str, Any]:
    """The shape that scripts rely on."""
    return {
        "state": _state(found),
        "position": found.position,
        "head": found.head,
        "behind": found.behind,
        "waiting_s": round(found.waiting_for.total_seconds(), 3),
        "events_per_s": round(watched.events_per_s),
        "batches": watched.batches,
        "events": watched.events,
        "last_batch": {"events": watched.last_events, "ms": round(1000 * watched.last_s, 3)},
        "holder": found.holder,
        "parked": found.parked,
        "parked_events": watched.parked_events,
        "rebuild": _rebuild_as_json(rebuild),
    }


def _state(found: Lag) -> str:
    if found.paused:
        return "paused"
    return "running" if found.holder else "no projector"


def print_json(told: Any) -> None:
    from pydantic_core import to_json

    typer.echo(to_json(told))
