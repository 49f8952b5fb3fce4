"""What the descriptions of answers have in common."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

ABSENT: Any = None
"""In the place of a default: the member is not in every answer, and never null."""


class Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Awaited(Answer):
    """A read that can wait for what its caller has written."""

    stale: Literal[True] = ABSENT
    """Only when the position that was asked for is not shown yet."""
