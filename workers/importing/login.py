"""Which server the import goes to, and as whom: by default the local home's first login."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from pydantic import BaseModel, ValidationError

from workers.importing.connection import Origin
from workers.importing.session import ImportStopped, Login, Token

_DEFAULT_URL = "http://127.0.0.1:8400"


class FirstLogin(BaseModel):
    """What `tallystick up` writes down on a fresh home."""

    url: str
    email: str
    password: str


def choose(
    *, url: str | None, home: Path, environment: Mapping[str, str]
) -> tuple[Origin, Login | Token]:
    """`url`: None for the server that the home's last start wrote down.

    A token in the environment goes before the login.

    Raises: ImportStopped with what to give instead.
    """
    if token := environment.get("TALLYSTICK_TOKEN"):
        return _origin(url or _address(home) or _url_of_login(home)), Token(token)
    first = _first_login(home)
    known = _address(home) or first.url
    origin = _origin(url or known)
    if not _same_machine(origin, _origin(known)):
        raise ImportStopped(
            f"The first login in {home} is for {known}; "
            "for another server put a token into TALLYSTICK_TOKEN."
        )
    return origin, Login(first.email, first.password)


def _address(home: Path) -> str | None:
    try:
        return (home / "address").read_text().strip()
    except OSError:
        return None


def _url_of_login(home: Path) -> str:
    try:
        return _first_login(home).url
    except ImportStopped:
        return _DEFAULT_URL


def _first_login(home: Path) -> FirstLogin:
    path = home / "first-login.json"
    try:
        return FirstLogin.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ImportStopped(
            f"{path} cannot be read: start `tallystick up`, name its home with --home, "
            "or put a token into TALLYSTICK_TOKEN."
        ) from error
    except ValidationError as error:
        raise ImportStopped(
            f"{path} is damaged; put a token into TALLYSTICK_TOKEN instead."
        ) from error


def _origin(url: str) -> Origin:
    try:
        return Origin.of(url)
    except ValueError as error:
        raise ImportStopped(str(error)) from error


def _same_machine(asked: Origin, known: Origin) -> bool:
    # A password of this home is shown to nobody else; ports differ behind a forwarder.
    return asked.host == known.host or (_is_loopback(asked.host) and _is_loopback(known.host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
