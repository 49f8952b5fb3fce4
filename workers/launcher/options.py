"""What was asked on the command line and in the environment, read once."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.launcher.ways_out import open_to_listeners
from write_model.kernel.homes import default_home, local_url
from write_model.kernel.secret_sources import VARIABLE, with_mounted

_MOST_PROCESSES = 8
"""Each opens up to 29 connections to the database, and the embedded one takes 300."""


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
    api_processes: int = 1
    """How many answer requests; they share the port."""
    drain_s: float = 15.0
    """How long one that is replaced may take to answer what it was asked."""
    reload: bool = False
    database_url: str = ""
    """A real server's address; empty for the embedded one. So with `redis_url`."""
    redis_url: str = ""
    secret: str = field(default="", repr=False)
    """The master secret, where it must not lie in the home; empty for the home's file."""
    breached_passwords: str = ""
    """A file of passwords that nobody may choose; empty for none."""

    @property
    def url(self) -> str:
        """For programs on this machine."""
        return local_url(self.host, self.port)


def read_options(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Raises: OptionsRefused, SecretRefused; SystemExit for a malformed command line."""
    asked, environment = _parser().parse_args(argv), with_mounted(environment)
    options = Options(
        home=asked.home.expanduser().resolve(),
        port=asked.port,
        host=environment.get("TALLYSTICK_HOST") or "127.0.0.1",
        user=asked.user,
        api_processes=_processes(asked.workers or environment.get("TALLYSTICK_API_PROCESSES", "1")),
        drain_s=_seconds(environment.get("TALLYSTICK_DRAIN_S", "15")),
        reload=asked.reload,
        database_url=environment.get("DATABASE_URL", ""),
        redis_url=environment.get("REDIS_URL", ""),
        secret=environment.get(VARIABLE, ""),
        breached_passwords=environment.get("TALLYSTICK_BREACHED_PASSWORDS", ""),
    )
    embedded = not (options.database_url and options.redis_url)
    if environment.get("ENV") == "production" and embedded:
        raise OptionsRefused(
            "In production the embedded servers are refused: set DATABASE_URL and REDIS_URL."
        )
    if environment.get("ENV") == "production":
        told = open_to_listeners(options.database_url, options.redis_url, environment)
        if told is not None:
            raise OptionsRefused(told)
    return options


def _processes(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_PROCESSES:
        return int(text)
    raise OptionsRefused(f"Set --workers to a number from 1 to {_MOST_PROCESSES}.")


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise OptionsRefused("Set TALLYSTICK_DRAIN_S to a number of seconds.") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tallystick up", description="Run Tallystick on this machine until Ctrl-C."
    )
    parser.add_argument(
        "--home", type=Path, default=default_home(), help="where the data lies (%(default)s)"
    )
    parser.add_argument("--port", type=int, default=8400, help="where it answers (%(default)s)")
    parser.add_argument("--user", default="", help="as root: whom the services run as (nobody)")
    parser.add_argument(
        "--workers", default="", help="how many api processes share the port (1)", metavar="N"
    )
    parser.add_argument("--reload", action="store_true", help=argparse.SUPPRESS)
    return parser
