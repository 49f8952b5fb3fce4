"""Times as commands take them: written out, with their offset."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator


def _written_out(value: object) -> object:
    """A bare number, also in quotes, would be taken for seconds since 1970, or milliseconds."""
    if isinstance(value, datetime) or (isinstance(value, str) and value[4:5] == "-"):
        return value
    raise ValueError("a time is written as 2026-03-02T06:15:00Z, with its offset")


Time = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""A time with its offset (RFC 3339)."""
