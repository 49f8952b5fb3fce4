"""What is written down of who was refused, shown or signed in what."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from api.answers.answer import Answer


class Access(Answer):
    """One entry; `GET /v1/people` names the person behind an id."""

    at: datetime
    actor: UUID
    """Who did it, or whose credentials it is about."""
    what: str
    """The method and the route; `credentials` for what concerns a person's own."""
    permission: str
    """The one that was missing, or by which it was shown."""
    target: str
    """The route with the records that it names."""
    outcome: str
    """A refusal's code, `shown`, or what became of the credentials, such as sign_in_failed."""


class Accesses(Answer):
    """Entries of the access log, the newest first."""

    items: list[Access]
    next_cursor: str | None
    """For the next page; null on the last one."""
