"""`tallystick limits`: how often one organization may ask, where that is not as for all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from api.command_line.projecting import AsJson, Home, asked, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from projections.engine.log import Connection
    from read_model.limits_set import Often

Organization = Annotated[UUID, typer.Argument(help="The organization's id.")]
Kind = Annotated[
    str | None, typer.Argument(help="commands, queries, dear-queries or streams; without: show.")
]
OfOrganization = Annotated[
    int | None, typer.Option(min=1, max=100_000_000, help="A minute, of all its members together.")
]
OfActor = Annotated[
    int | None, typer.Option(min=1, max=100_000_000, help="A minute, of one member or API key.")
]
AsOthers = Annotated[bool, typer.Option("--as-others", help="Have the settings hold again.")]


def limits(
    organization: Organization,
    kind: Kind = None,
    of_organization: OfOrganization = None,
    of_actor: OfActor = None,
    as_others: AsOthers = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Show or set how often an organization may ask; running processes follow within seconds."""
    change = _change(kind, of_organization, of_actor, as_others=as_others)

    def looked(connection: Connection) -> Mapping[str, Often]:
        from read_model.limits_set import limits_of, set_limit

        _must_be_there(connection, organization)
        if kind is not None:
            set_limit(connection, organization, kind, change)
        return limits_of(connection, organization)

    _tell(asked(home, looked), as_json=as_json)


def _change(
    kind: str | None, of_organization: int | None, of_actor: int | None, *, as_others: bool
) -> Often | None:
    """Raises: typer.BadParameter for what cannot be meant."""
    from api.limits import KINDS
    from read_model.limits_set import Often

    if kind is None and not (as_others or of_organization or of_actor):
        return None
    if kind not in KINDS:
        raise typer.BadParameter(f"Name one of {', '.join(KINDS)}.")
    if as_others and not (of_organization or of_actor):
        return None
    if as_others or of_organization is None or of_actor is None:
        raise typer.BadParameter("Give --of-organization and --of-actor, or --as-others alone.")
    return Often(of_organization, of_actor)


def _must_be_there(connection: Connection, organization: UUID) -> None:
    from projections.engine.choosing import Choice, is_anything

    if not is_anything(connection, Choice(organization, None, None, None)):
        raise typer.BadParameter("There is no such organization; /v1/me shows a member its id.")


def _tell(found: Mapping[str, Often], *, as_json: bool) -> None:
    if as_json:
        print_json({kind: often._asdict() for kind, often in found.items()})
        return
    for kind, often in found.items():
        typer.echo(f"{kind:<14}{often.of_organization} a minute of all, {often.of_actor} of each")
    if not found:
        typer.echo("As for all others, by the settings.")
