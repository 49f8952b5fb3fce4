"""One replacing of a home's master secret, from its sources to the file that is changed last."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from workers.connecting import Connection, connected
from workers.embedded.account import owner_of
from workers.launcher.home import Home
from workers.rotating.change import Change
from workers.rotating.rotating import Told, rotate
from workers.rotating.server import database_alone
from workers.rotating.sources import Sources
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.settings import APP, OWNER, SUPERUSER, TAILER, Settings

_STATEMENT_TIMEOUT_S = 600
"""To count the keys of a large installation; a batch takes milliseconds."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """`counts`: rows of each kind, none where all was done before.

    `is_everywhere`: False where the environment still names the secret before.
    """

    present_key_id: int
    following_key_id: int
    counts: dict[str, int]
    is_everywhere: bool


def run(settings: Settings, *, told: Told, say: Callable[[str], None]) -> Rotated:
    """Replace it; killed at any moment, the next run goes on.

    Raises: HomeRefused while something runs on the home; SecretRefused; StartFailed;
    FileNotFoundError where there is no installation; psycopg.Error.
    """
    home = home_of(settings)
    sources = Sources(home, settings.secret_next.get_secret_value())
    with closing(home.lock()):
        present = sources.present()
        change = Change(present, sources.following(present))
        with _administrator(settings, home, change, say) as connection:
            passwords = _passwords(settings, change.following)
            counts = rotate(connection, change, passwords=passwords, told=told)
        is_everywhere = sources.replace(change.following)
    return Rotated(present.key_id, change.following.key_id, counts, is_everywhere)


def home_of(settings: Settings) -> Home:
    """Raises: FileNotFoundError where there is none."""
    path = settings.home.resolve()
    return Home(path, owner_of(path), settings.secret.get_secret_value())


def _passwords(settings: Settings, following: MasterSecret) -> dict[str, str]:
    ours = () if settings.database_url else (SUPERUSER,)
    return {role: following.database_password(role) for role in (OWNER, TAILER, APP, *ours)}


@contextmanager
def _administrator(
    settings: Settings, home: Home, change: Change, say: Callable[[str], None]
) -> Generator[Connection]:
    if settings.database_url:
        with connected(settings.database_url, statement_timeout_s=_STATEMENT_TIMEOUT_S) as it:
            yield it
        return
    with database_alone(home, say) as sockets, _superuser(settings, sockets, change) as it:
        yield it


def _superuser(settings: Settings, sockets: Path, change: Change) -> Connection:
    """By the password of the present secret, or of the next where an earlier run had begun."""
    try:
        return _logged_in(settings, sockets, change.present)
    except psycopg.OperationalError:
        return _logged_in(settings, sockets, change.following)


def _logged_in(settings: Settings, sockets: Path, master: MasterSecret) -> Connection:
    conninfo = make_conninfo(
        host=str(sockets),
        dbname=settings.database_name,
        user=SUPERUSER,
        password=master.database_password(SUPERUSER),
    )
    return connected(conninfo, statement_timeout_s=_STATEMENT_TIMEOUT_S)
