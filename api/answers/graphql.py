"""What a GraphQL request is answered."""

from __future__ import annotations

from typing import Any

from api.answers.answer import ABSENT, Answer


class Place(Answer):
    line: int
    column: int


class GraphqlError(Answer):
    """What is wrong with the query, or with one of the reads that it asks."""

    message: str
    """A sentence that says what to do next."""
    locations: list[Place] = ABSENT
    """Where in the query."""
    path: list[str | int] = ABSENT
    """Of the field that is not answered."""
    extensions: dict[str, str]
    """`code`: as in the problem documents of REST."""


class GraphqlAnswer(Answer):
    """What was asked for, what is wrong, or both."""

    data: Any = ABSENT
    """As the query has it; left out where the query could not be asked at all."""
    errors: list[GraphqlError] = ABSENT
    """Left out when there are none."""
