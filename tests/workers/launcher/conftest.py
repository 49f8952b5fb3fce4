"""Homes and running launchers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.embedded import memory_with_room, private_folder
from tests.workers.launcher.launched import Launched, in_memory, launch


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the services' account may enter, with a short path."""
    with private_folder(memory_with_room()) as folder:
        yield folder


@pytest.fixture
def launcher(folder: Path) -> Iterator[Callable[..., Launched]]:
    """Starts launchers, by default on one home, and ends them after the test."""
    with ExitStack() as opened:

        def start(
            *more: str, home: Path = folder / "home", port: int = 0, **environment: str
        ) -> Launched:
            return opened.enter_context(closing(launch(home, *more, port=port, **environment)))

        yield start


@pytest.fixture(scope="module")
def running() -> Iterator[Launched]:
    """One that every test of a module shares."""
    with in_memory() as launched:
        yield launched
