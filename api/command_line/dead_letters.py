"""`tallystick dead-letters`: records that an event keeps from being shown, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from api.command_line.projecting import AsJson, Home, asked, print_json
from api.command_line.refusing import unless_refused

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

    def retried(connection: Connection) -> None:
        if stream is None:
            _repair(connection, _parked(connection), _retry_if_parked, as_json=as_json)
        else:
            _repair(connection, [stream], _retry, as_json=as_json)

    asked(home, retried)


@app.command()
def skip(
    stream: Stream, version: Version, reason: Reason, as_json: AsJson = False, home: Home = None
) -> None:
    """Show a record without the event that could not be applied, and retry what comes after it.

    The event stays in the log; rebuilds leave it out too. Exits with 1 when another one stays
    parked.
    """

    def leave_out(repair: Repair, record: UUID) -> Repaired:
        return repair.skip(record, version, by=None, why=reason)

    asked(home, lambda connection: _repair(connection, [stream], leave_out, as_json=as_json))


def _parked(connection: Connection) -> list[UUID]:
    from read_model.dead_letters import all_dead_letters

    return [each.stream for each in all_dead_letters(connection)]


def _retry(repair: Repair, stream: UUID) -> Repaired:
    return repair.retry(stream)


def _retry_if_parked(repair: Repair, stream: UUID) -> Repaired | None:
    """None when somebody else was quicker."""
    from projections.engine.repairing import NotParked

    with suppress(NotParked):
        return repair.retry(stream)
    return None


def _repair(
    connection: Connection,
    streams: list[UUID],
    do: Callable[[Repair, UUID], Repaired | None],
    *,
    as_json: bool,
) -> None:
    """Each is done for good when it is told; what is refused ends it."""
    from projections.catalog import CATALOG
    from projections.engine.repairing import Repair

    repair = Repair(connection, CATALOG)
    done: dict[UUID, Repaired] = {}
    try:
        for stream in streams:
            repaired = unless_refused(connection, partial(do, repair, stream))
            if repaired is not None:
                done[stream] = repaired
                _say(stream, repaired, as_json=as_json)
    finally:
        if as_json:
            print_json([_repaired_as_json(*each) for each in done.items()])
    _conclude(done, as_json=as_json)


def _say(stream: UUID, repaired: Repaired, *, as_json: bool) -> None:
    if as_json:  # One value, at the end.
        return
    typer.echo(f"{stream}  {repaired.applied} applied, {repaired.parked} parked")
    if repaired.reason:
        typer.echo(f"  {repaired.reason}")


def _conclude(done: dict[UUID, Repaired], *, as_json: bool) -> None:
    is_parked_still = any(repaired.parked for repaired in done.values())
    if not as_json and is_parked_still:
        typer.echo(_STILL)
    elif not as_json and not done:
        typer.echo("Nothing is parked.")
    if is_parked_still:
        raise typer.Exit(1)


def _repaired_as_json(stream: UUID, repaired: Repaired) -> dict[str, object]:
    return {
        "stream": stream,
        "applied": repaired.applied,
        "parked": repaired.parked,
        "reason": repaired.reason,
    }


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
