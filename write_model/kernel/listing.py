"""Lists that are asked for page by page: in the order of when, and of one moment by id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID


class Mark(NamedTuple):
    """Where an item stands in such a list: what follows the last of a page is the next page."""

    at: datetime
    id: UUID


BEFORE_ALL = Mark(datetime.min.replace(tzinfo=UTC), UUID(int=0))
AFTER_ALL = Mark(datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
"""Where the newest comes first."""
