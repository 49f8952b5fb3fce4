"""`tallystick projections rebuild`: what is shown is folded anew, beside what is shown now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.command_line.choosing import Kind, Since, Stream, Tenant, choice_of
from api.command_line.progressing import Shown
from api.command_line.projecting import AsJson, Home, asked, print_json
from api.command_line.refusing import unless_refused

if TYPE_CHECKING:
    from projections.engine.choosing import Choice
    from projections.engine.log import Connection
    from projections.engine.mending import Mended
    from projections.engine.rebuilding import Rebuilt

Names = Annotated[list[str] | None, typer.Argument(help="Of projections; `list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="Rebuild every projection.")]


def rebuild(
    names: Names = None,
    all_: All = False,
    tenant: Tenant = None,
    stream: Stream = None,
    kind: Kind = None,
    since: Since = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Fold projections anew from the log and put them in the place of those that are read.

    Readers notice nothing, and the projector waits for some milliseconds at the end. It may be
    stopped at any moment and begun again. With --tenant, --stream, --type or --from only the
    records of which all that holds are folded anew, where they are; of all projections that have
    rows of single records, or of those that are named. What counts a projection's documents is
    rebuilt with it.
    """

    def begin(connection: Connection) -> Rebuilt | Mended:
        choice = choice_of(connection, tenant, stream, kind, since)
        wanted.extend(_wanted(names, all_=all_, choice=choice))
        return asked(home, lambda beside: _rebuilt(connection, beside, wanted, choice))

    wanted: list[str] = []
    try:
        rebuilt = asked(home, begin)
    except KeyboardInterrupt:
        typer.echo("Stopped; whole records are shown. The same command begins again.", err=True)
        raise typer.Exit(130) from None
    _tell(wanted, rebuilt, as_json=as_json)


def _wanted(names: list[str] | None, *, all_: bool, choice: Choice) -> list[str]:
    from projections.catalog import CATALOG
    from projections.engine.choosing import EVERYTHING
    from projections.engine.mending import mendable

    known = [projection.name for projection in CATALOG.projections]
    every = known if choice == EVERYTHING else mendable(CATALOG)
    wanted = every if all_ or (choice != EVERYTHING and not names) else list(names or ())
    if not wanted or not set(wanted) <= set(known):
        raise typer.BadParameter(f"Name some of {', '.join(known)}, or all of them by --all.")
    return CATALOG.with_tallies(wanted) if choice == EVERYTHING else wanted


def drop_old(as_json: AsJson = False, home: Home = None) -> None:
    """Drop the tables that rebuilds have left, once nobody can still be reading them."""
    from projections.engine.rebuilding import drop_left

    def drop(connection: Connection) -> list[str]:
        return unless_refused(connection, partial(drop_left, connection))

    dropped = asked(home, drop)
    if as_json:
        print_json({"dropped": dropped})
        return
    typer.echo("\n".join(f"dropped projections.{name}" for name in dropped) or "Nothing to drop.")


def _rebuilt(
    connection: Connection, beside: Connection, names: list[str], choice: Choice
) -> Rebuilt | Mended:
    from projections.catalog import CATALOG
    from projections.engine.performing import perform
    from projections.engine.requests import Request
    from workers.projector.collector import spare_collector
    from write_model.kernel.ids import new_id

    spare_collector()
    request = Request(new_id(), names, choice)
    with Shown() as shown:
        work = partial(perform, connection, beside, CATALOG, request, shown.show)
        return unless_refused(connection, work)


def _tell(names: list[str], rebuilt: Rebuilt | Mended, *, as_json: bool) -> None:
    from projections.engine.mending import Mended

    told: dict[str, Any] = {
        "events": rebuilt.events,
        "seconds": round(rebuilt.seconds, 3),
        "events_per_s": round(rebuilt.events / max(rebuilt.seconds, 1e-9)),
        "parked": rebuilt.parked,
    }
    if isinstance(rebuilt, Mended):
        told |= {"records": rebuilt.records, "wait_ms": round(1000 * rebuilt.longest_s, 3)}
    else:
        told["swap_ms"] = round(1000 * rebuilt.swap_s, 3)
    if as_json:
        print_json({"rebuilt": names, **told})
        return
    for name, value in {"rebuilt": ", ".join(names), **told}.items():
        typer.echo(f"{name:<14}{value}")
