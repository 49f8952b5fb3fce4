"""What anybody may know of the service: where things are, and whether it can do its work."""

from __future__ import annotations

from typing import Literal

from pydantic import RootModel

from api.answers.answer import ABSENT, Answer


class Map(RootModel[dict[str, str]]):
    """What there is -> its address."""


class Health(Answer):
    """How the service is."""

    status: Literal["ok", "degraded", "unhealthy", "unavailable", "draining"]
    reason: str = ABSENT
    """What is wrong, when it is not ok."""
