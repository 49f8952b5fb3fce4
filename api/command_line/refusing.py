"""Work on the projections that cannot be done: a sentence that says why, and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from projections.engine.log import Connection

Done = TypeVar("Done")


def unless_refused(connection: Connection, work: Callable[[], Done]) -> Done:
    """What the work gives.

    Raises: typer.Exit; psycopg.Error when the connection is lost.
    """
    import psycopg

    from projections.engine.alone import AlreadyRebuilding
    from projections.engine.mending import NotByRecord
    from projections.engine.parking import reason_for
    from projections.engine.rebuilding import RowsRefused
    from projections.engine.repairing import NotParked
    from projections.engine.versions import OtherRelease
    from write_model.kernel.errors import LogRestored
    from write_model.kernel.serialization import UnknownTopic

    try:
        return work()
    except (AlreadyRebuilding, NotByRecord, NotParked, OtherRelease, RowsRefused) as error:
        raise _refused(str(error)) from error
    except LogRestored as error:
        again = "do it again once the projector follows it."
        raise _refused(f"The log was restored; {again}") from error
    except UnknownTopic as error:
        raise _refused(f"The log has {error}, of a newer release: do it with that.") from error
    except psycopg.Error as error:
        if connection.closed:
            raise
        raise _refused(f"The database refused it ({reason_for(error)}).") from error


def _refused(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(2)
