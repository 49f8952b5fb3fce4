"""What people may type where passwords and tokens are asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

Short = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
"""A password or a token as it was given out; what is longer is none."""

Long = Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
"""What was made by us or by an identity provider, and only ever copied."""

Code = Annotated[str, StringConstraints(min_length=6, max_length=32, pattern=r"^[0-9A-Za-z -]+$")]
"""Six digits of an app, or a recovery code, however they are spaced."""

Password = Annotated[str, StringConstraints(min_length=12, max_length=1_024)]
"""One that somebody chooses; `Choosing` judges whether it is easy to guess."""
