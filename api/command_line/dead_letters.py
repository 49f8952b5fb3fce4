"""`tallystick dead-letters`: records that an event keeps from being shown, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from api.command_line.projecting import AsJson, Home, asked, print_json

if TYPE_CHECKING:
    from projections.engine.log import Connection
    from projections.engine.repairing import Repair, Repaired
    from read_model.dead_letters import DeadLetter

app = typer.Typer(
    no_args_is_help=True,
    help="See which records an event keeps from being shown; try them again, or leave it out.",
)

Stream = Annotated[UUID, typer.Option(help="The record's id; `list` shows it.")]
Some = Annotated[UUID | None, typer.Option("--stream", help="The record's id; `list` shows it.")]
All = Annotated[bool, typer.Option("--all", help="Every record that is parked.")]
Version = Annotated[int, typer.Option(help="The version of the event that is left out.")]
Reason = Annotated[str, typer.Option(help="Why the record is better shown without it.")]

_STILL = (
    "Mend what the reason names and retry, or leave the event out with `tallystick dead-letters"
    " skip`."
)


@app.command("list")
def list_dead_letters(as_json: AsJson = False, home: Home = None) -> None:
    """Print every parked record with the event that could not be applied."""
    from read_model.dead_letters import all_dead_letters

    found = asked(home, all_dead_letters)
    if as_json:
        print_json([_as_json(letter) for letter in found])
        return
    for letter in found:
        _tell_of(letter)
    if not found:
        typer.echo("Nothing is parked.")


@app.command()
def retry(
    stream: Some = None, all_: All = False, as_json: AsJson = False, home: Home = None
) -> None:
    """Apply what is parked, once what was wrong is mended; 1 when something stays parked."""
    if (stream is None) is not all_:
        raise typer.BadParameter("Name one record by --stream, or all of them by --all.")
    done = asked(home, lambda connection: _retried(connection, stream))
    _tell(done, as_json=as_json)


@app.command()
def skip(
    stream: Stream, version: Version, reason: Reason, as_json: AsJson = False, home: Home = None
) -> None:
    """Show a record without the event that could not be applied, and retry what comes after it.

    The event stays in the log; rebuilds leave it out too. Exits with 1 when another one stays
    parked.
    """

    def skipped(connection: Connection) -> dict[UUID, Repaired]:
        return _repaired(
            connection,
            [stream],
            lambda repair, record: repair.skip(record, version, by=None, why=reason),
        )

    _tell(asked(home, skipped), as_json=as_json)


def _retried(connection: Connection, stream: UUID | None) -> dict[UUID, Repaired]:
    from read_model.dead_letters import all_dead_letters

    streams = [stream] if stream else [each.stream for each in all_dead_letters(connection)]
    return _repaired(connection, streams, lambda repair, record: repair.retry(record))


def _repaired(
    connection: Connection, streams: list[UUID], do: Callable[[Repair, UUID], Repaired]
) -> dict[UUID, Repaired]:
    from projections.catalog import CATALOG
    from projections.engine.alone import AlreadyRebuilding
    from projections.engine.repairing import NotParked, Repair
    from write_model.kernel.errors import LogRestored

    repair = Repair(connection, CATALOG)
    try:
        return {stream: do(repair, stream) for stream in streams}
    except (NotParked, AlreadyRebuilding) as error:
        raise _refused(str(error)) from error
    except LogRestored as error:
        raise _refused(
            "The log was restored; do it again once the projector follows it."
        ) from error


def _refused(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(2)


def _tell(done: dict[UUID, Repaired], *, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {"stream": s, "applied": r.applied, "parked": r.parked, "reason": r.reason}
                for s, r in done.items()
            ]
        )
    else:
        _say(done)
    if any(repaired.parked for repaired in done.values()):
        raise typer.Exit(1)


def _say(done: dict[UUID, Repaired]) -> None:
    for stream, repaired in done.items():
        typer.echo(f"{stream}  {repaired.applied} applied, {repaired.parked} parked")
        if repaired.reason:
            typer.echo(f"  {repaired.reason}")
    if any(repaired.parked for repaired in done.values()):
        typer.echo(_STILL)
    elif not done:
        typer.echo("Nothing is parked.")


def _tell_of(letter: DeadLetter) -> None:
    from api.references import reference_of

    name = reference_of(letter.type, letter.number) or letter.type.partition(".")[0]
    typer.echo(f"{name}  {letter.stream}  of organization {letter.tenant}")
    typer.echo(
        f"  {letter.type}, version {letter.version}, recorded {letter.since:%Y-%m-%d %H:%M:%S}Z;"
        f" {letter.behind} behind it"
    )
    typer.echo(f"  {letter.reason}")


def _as_json(letter: DeadLetter) -> dict[str, object]:
    """The shape that scripts rely on."""
    from api.references import reference_of

    return {
        "organization": letter.tenant,
        "stream": letter.stream,
        "reference": reference_of(letter.type, letter.number),
        "version": letter.version,
        "type": letter.type,
        "position": letter.position,
        "reason": letter.reason,
        "behind": letter.behind,
        "since": letter.since,
        "asked": letter.asked,
    }
