"""`tallystick token`: an access token for the local home's first login, to try the API with."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request

import typer

from api.command_line.import_options import Home, Url


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
    body = {"email": credentials.email, "password": credentials.password}
    typer.echo(_signed_in(f"{origin.url}/v1/auth/token", body))


def _signed_in(url: str, body: dict[str, str]) -> str:
    request = urllib.request.Request(  # noqa: S310  # `choose` admits http and https only
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
            return str(json.load(answer)["access_token"])
    except urllib.error.URLError as error:
        typer.echo(f"{url} did not sign us in ({error}); is `tallystick up` running?", err=True)
        raise typer.Exit(2) from error
