"""`tallystick reset-password`: lets somebody set another password when nobody else may vouch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from api.command_line.import_options import Home
from api.command_line.projecting import asked

if TYPE_CHECKING:
    from write_model.kernel.passes import Pass
    from write_model.kernel.settings import Settings


def reset_password(
    email: Annotated[str, typer.Argument(help="What the person signs in with.")],
    home: Home = None,
) -> None:
    """Print a token with which a person sets another password, within an hour and once.

    For who belongs to several organizations, or is the last owner of one: nobody there may reset
    the password. Be sure who asks before you hand it over; it is for POST /v1/auth/password-reset.
    """
    from write_model.kernel.settings import APP, Settings

    asked(home, lambda _: None, role=APP)  # which says what is wrong when nothing runs
    settings = Settings(home=home.expanduser()) if home else Settings()
    offered = asyncio.run(_offered(settings, email))
    if offered is None:
        typer.echo(f"Nobody signs in with {email}.", err=True)
        raise typer.Exit(2)
    typer.echo(offered.token)


async def _offered(settings: Settings, email: str) -> Pass | None:
    from api.identity.composition import identity
    from write_model.kernel.access import system_actor
    from write_model.opening import opened

    async with opened(settings) as parts:
        people = identity(
            parts.write_model,
            parts.pool,
            parts.keyring,
            parts.master,
            clock=parts.clock,
            ids=parts.ids,
        )
        login = await people.logins.find(people.blind_index.of(email))
        if login is None:
            return None
        return await people.resets.offer_by_operator(login.user, by=system_actor())
