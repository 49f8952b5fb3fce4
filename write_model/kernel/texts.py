"""Text that the database can keep: whatever a command takes in goes through here.

Postgres stores no NUL character in text or jsonb, so none is let in. A pattern also refuses
lone surrogates, which no UTF-8 can hold.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

STORABLE = r"^[^\x00]*$"

PersonName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=STORABLE),
]
"""A person's name in clear; it is sealed before anything is written."""
