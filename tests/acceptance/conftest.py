"""What every acceptance test may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.stack import Stack, fresh_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The product on a fresh home, shared by the tests that leave it standing."""
    with fresh_stack() as stack:
        yield stack


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say a figure in the summary of the run."""
    return lambda text: record_property("figure", text)
