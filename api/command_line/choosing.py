"""Which records a rebuild that is started from a terminal touches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

if TYPE_CHECKING:
    from projections.engine.choosing import Choice
    from projections.engine.log import Connection

Tenant = Annotated[
    UUID | None, typer.Option("--tenant", help="Only records of this organization, by its id.")
]
Stream = Annotated[
    str | None,
    typer.Option("--stream", help="Only this record: its id, or INC-42 of the --tenant."),
]
Kind = Annotated[
    str | None, typer.Option("--type", help="Only records of this kind, such as incident.")
]
Since = Annotated[
    int | None,
    typer.Option("--from", min=1, help="Only records with an event at this position or later."),
]

_REFERENCE = re.compile(r"([A-Z]{2,5})-([1-9]\d{0,17})")


def choice_of(
    connection: Connection,
    tenant: UUID | None,
    stream: str | None,
    kind: str | None,
    since: int | None,
) -> Choice:
    """Raises: typer.BadParameter when there is nothing of the kind."""
    from projections.engine.choosing import EVERYTHING, Choice, is_anything

    record = None if stream is None else _record(connection, tenant, stream)
    choice = Choice(tenant, record, kind, since)
    if choice != EVERYTHING and not is_anything(connection, choice):
        raise typer.BadParameter(
            "There is no such record; look again at --tenant, --stream, --type and --from."
        )
    return choice


def _record(connection: Connection, tenant: UUID | None, text: str) -> UUID:
    if named := _REFERENCE.fullmatch(text.upper()):
        return _referred_to(connection, tenant, text, named)
    try:
        return UUID(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no id, and no reference such as INC-42.") from error


def _referred_to(
    connection: Connection, tenant: UUID | None, text: str, named: re.Match[str]
) -> UUID:
    from projections.engine.choosing import referred_to
    from write_model.incident.incident import INCIDENT

    if tenant is None:
        raise typer.BadParameter(f"Every organization has its own {text}; name it with --tenant.")
    kinds = {INCIDENT.prefix: INCIDENT.name}
    found = referred_to(connection, tenant, kinds.get(named[1], ""), int(named[2]))
    if found is None:
        raise typer.BadParameter(f"The organization has no {text}.")
    return found
