"""What was asked on the command line and in the environment, read once."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from write_model.kernel.homes import default_home, local_url
from write_model.kernel.secret_sources import VARIABLE


class OptionsRefused(Exception):
    """What was asked cannot be; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one stack is to run."""

    home: Path
    port: int = 8400
    host: str = "127.0.0.1"
    user: str = ""
    """Whom the services run as when the caller is root; empty for `nobody`."""
    reload: bool = False
    database_url: str = ""
    """A real server's address; empty for the embedded one. So with `redis_url`."""
    redis_url: str = ""
    secret: str = field(default="", repr=False)
    """The master secret, where it must not lie in the home; empty for the home's file."""

    @property
    def url(self) -> str:
        """For programs on this machine."""
        return local_url(self.host, self.port)


def read_options(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Raises: OptionsRefused; SystemExit for a malformed command line."""
    asked = _parser().parse_args(argv)
    options = Options(
        home=asked.home.expanduser().resolve(),
        port=asked.port,
        host=environment.get("TALLYSTICK_HOST") or "127.0.0.1",
        user=asked.user,
        reload=asked.reload,
        database_url=environment.get("DATABASE_URL", ""),
        redis_url=environment.get("REDIS_URL", ""),
        secret=environment.get(VARIABLE, ""),
    )
    embedded = not (options.database_url and options.redis_url)
    if environment.get("ENV") == "production" and embedded:
        raise OptionsRefused(
            "In production the embedded servers are refused: set DATABASE_URL and REDIS_URL."
        )
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tallystick up", description="Run Tallystick on this machine until Ctrl-C."
    )
    parser.add_argument(
        "--home", type=Path, default=default_home(), help="where the data lies (%(default)s)"
    )
    parser.add_argument("--port", type=int, default=8400, help="where it answers (%(default)s)")
    parser.add_argument("--user", default="", help="as root: whom the services run as (nobody)")
    parser.add_argument("--reload", action="store_true", help=argparse.SUPPRESS)
    return parser
