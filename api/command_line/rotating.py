"""`tallystick rotate-secret`: puts another master secret in the place of the present one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from api.command_line.import_options import Home
from api.command_line.progressing import Shown
from api.command_line.projecting import AsJson, print_json

if TYPE_CHECKING:
    from workers.rotating.running import Rotated
    from write_model.kernel.settings import Settings

Make = Annotated[
    bool,
    typer.Option("--make", help="Print a secret that can follow the present one; change nothing."),
]


def rotate_secret(make: Make = False, as_json: AsJson = False, home: Home = None) -> None:
    """Take another master secret, while Tallystick does not run on the home.

    Everything that is kept under the present one is made anew under the next: people's keys, how
    logins are found, second factors, secrets of identity providers, the database's passwords.
    Killed at any moment, the same command goes on. Access tokens, cursors and sign-ins under way
    end; refresh tokens, API keys, passwords and recovery codes stay good. Keep the secret before
    with the backups that were made under it.
    """
    from write_model.kernel.settings import Settings

    settings = Settings(home=home.expanduser()) if home else Settings()
    if make:
        typer.echo(_next_secret(settings))
        return
    rotated = _rotated(settings)
    print_json(asdict(rotated)) if as_json else _tell(rotated)


def _next_secret(settings: Settings) -> str:
    from write_model.kernel.secret_sources import SecretRefused

    try:
        return settings.master_secret().successor().text()
    except (FileNotFoundError, PermissionError, SecretRefused) as error:
        raise _refused(error) from error


def _rotated(settings: Settings) -> Rotated:
    import psycopg

    from workers.launcher.home import HomeRefused
    from workers.launcher.stack import StartFailed
    from workers.rotating.running import run
    from write_model.kernel.secret_sources import SecretRefused

    try:
        with Shown("rows") as shown:
            return run(settings, told=shown.show, say=_say)
    except (HomeRefused, SecretRefused, StartFailed, OSError, LookupError) as error:
        raise _refused(error) from error
    except psycopg.Error as error:
        raise _refused(str(error).partition("\n")[0]) from error


def _refused(why: object) -> typer.Exit:
    typer.echo(f"tallystick: {why}", err=True)
    return typer.Exit(1)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _tell(rotated: Rotated) -> None:
    typer.echo(f"{'key id':<16}{rotated.present_key_id} -> {rotated.following_key_id}")
    for name, count in rotated.counts.items():
        typer.echo(f"{name:<16}{count}")
    if not rotated.is_everywhere:
        typer.echo(
            "Now put the next secret into TALLYSTICK_SECRET and take TALLYSTICK_SECRET_NEXT away."
        )
