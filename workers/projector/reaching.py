"""The projections of an installation, reached from a terminal as the role that owns them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg

from workers.connecting import Connection, connected
from workers.embedded.postgres import sockets_of
from write_model.kernel.secret_sources import SecretRefused
from write_model.kernel.settings import TAILER, Settings

_STATEMENT_TIMEOUT_S = 30
_NEXT = (
    "Start it with `tallystick up`, name its home with --home, "
    "or its database in DATABASE_URL and its master secret in TALLYSTICK_SECRET."
)


class Unreachable(Exception):
    """The projections cannot be asked; the message says why and what to do."""


@contextmanager
def reached(settings: Settings, *, role: str = TAILER) -> Generator[Connection]:
    """A connection to the running database of these settings.

    Raises: Unreachable, also for what is asked in it.
    """
    try:
        conninfo = where_it_runs(settings).conninfo(role)
        with connected(conninfo, statement_timeout_s=_STATEMENT_TIMEOUT_S) as connection:
            yield connection
    except FileNotFoundError as error:
        raise Unreachable(f"There is no installation in {settings.home}. {_NEXT}") from error
    except PermissionError as error:
        raise Unreachable(
            f"{settings.home} is not yours to read: run this as its owner."
        ) from error
    except SecretRefused as error:
        raise Unreachable(str(error)) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise Unreachable(f"The database has no projections yet. {_NEXT}") from error
    except psycopg.Error as error:
        why = str(error).partition("\n")[0]
        raise Unreachable(f"The database does not answer ({why}). {_NEXT}") from error


def where_it_runs(settings: Settings) -> Settings:
    """The settings with the sockets of the embedded server, if that is what runs in the home."""
    embedded = not settings.database_url and settings.socket_folder is None
    there = sockets_of(settings.home / "postgres") if embedded else None
    return settings.model_copy(update={"socket_folder": there}) if there else settings
