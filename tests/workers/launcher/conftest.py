"""Homes and running launchers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.embedded import private_folder
from tests.workers.launcher.launched import Launched, launch


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the services' account may enter, with a short path."""
    with private_folder() as folder:
        yield folder


@pytest.fixture
def launcher(folder: Path) -> Iterator[Callable[..., Launched]]:
    """Starts launchers, by default on one home, and ends them after the test."""
    with ExitStack() as ended:

        def start(
            *more: str, home: Path = folder / "home", port: int = 0, **environment: str
        ) -> Launched:
            launched = launch(home, *more, port=port, **environment)
            ended.callback(_end, launched)
            return launched

        yield start


@pytest.fixture(scope="module")
def running() -> Iterator[Launched]:
    """One that every test of a module shares."""
    with private_folder() as folder, ExitStack() as ended:
        launched = launch(folder / "home")
        ended.callback(_end, launched)
        launched.until("Ctrl-C stops it.")
        yield launched


def _end(launched: Launched) -> None:
    launched.end()
    launched.rest()
    if launched.process.stdout:
        launched.process.stdout.close()
