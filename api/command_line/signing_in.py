"""`tallystick token`, `metrics-token`: what opens the API, and what opens its measurements."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, NoReturn

import typer

from api.command_line.import_options import Home, Url

if TYPE_CHECKING:
    from workers.importing.session import Login


def token(url: Url = None, home: Home = None) -> None:
    """Print an access token of the home's first login; it is good for ten minutes."""
    from workers.importing.login import choose
    from workers.importing.session import ImportStopped, Token
    from write_model.kernel.settings import Settings

    try:
        origin, credentials = choose(
            url=url, home=(home or Settings().home).expanduser(), environment=os.environ
        )
    except ImportStopped as error:
        raise typer.BadParameter(str(error)) from error
    if isinstance(credentials, Token):
        typer.echo(credentials.text)
        return
    typer.echo(_signed_in(f"{origin.url}/v1/auth/token", credentials))


def metrics_token(home: Home = None) -> None:
    """Print the bearer token that /metrics asks for; it lasts as long as the master secret."""
    from write_model.kernel import tokens
    from write_model.kernel.secret_sources import SecretRefused
    from write_model.kernel.settings import Settings

    settings = Settings(home=home.expanduser()) if home else Settings()
    try:
        typer.echo(tokens.metrics_token(settings.master_secret()))
    except FileNotFoundError:
        _stop(f"There is no installation in {settings.home}; name its home with --home.")
    except PermissionError:
        _stop(f"{settings.home} is not yours to read: run this as its owner.")
    except SecretRefused as error:
        _stop(str(error))


def _signed_in(url: str, login: Login) -> str:
    body = {"email": login.email, "password": login.password}
    request = urllib.request.Request(  # noqa: S310  # `choose` admits http and https only
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
            return str(json.load(answer)["access_token"])
    except urllib.error.HTTPError as error:
        _stop(_refusal(login, error))
    except urllib.error.URLError as error:
        _stop(f"{url} did not sign us in ({error}); is `tallystick up` running?")


def _refusal(login: Login, error: urllib.error.HTTPError) -> str:
    from workers.importing.connection import Answer
    from workers.importing.session import detail

    with error:
        return login.refused(detail(Answer(error.code, {}, error.read())), status=error.code)


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)
