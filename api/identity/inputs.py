"""What people may type where passwords and tokens are asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

Short = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
"""A password or a token as it was given out; what is longer is none."""

Password = Annotated[str, StringConstraints(min_length=12, max_length=1_024)]
"""One that somebody chooses."""
