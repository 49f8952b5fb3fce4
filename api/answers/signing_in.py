"""Signing in as it is shown: tokens, second factors, sign-ins, tickets of the stream."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from api.answers.answer import Answer


class Tokens(Answer):
    """What you sign your requests with, and renew it with."""

    access_token: str
    """Send it as `Authorization: Bearer ...`."""
    token_type: Literal["Bearer"]
    expires_in: int
    """In seconds."""
    refresh_token: str
    """Good for one renewal."""


class ProofToken(Answer):
    """What you ask with where it must be certain that it is you."""

    access_token: str
    """Send it as `Authorization: Bearer ...`; it cannot be renewed."""
    token_type: Literal["Bearer"]
    expires_in: int
    """In seconds."""


class SecondFactor(Answer):
    """Your second factor."""

    enabled: bool
    recovery_codes_left: int


class SecondFactorOffer(Answer):
    """What an authenticator app needs: it is shown this once."""

    secret: str
    """For typing, in base 32."""
    uri: str
    """For a QR code."""


class RecoveryCodes(Answer):
    """Codes that stand in for the app, each once: they are shown this once."""

    recovery_codes: list[str]


class Session(Answer):
    """One of your sign-ins."""

    id: UUID
    organization: UUID
    began_at: datetime
    used_at: datetime
    """When it was begun or renewed last; two weeks later it ends by itself."""
    expires_at: datetime
    """When it ends, however often it is renewed."""
    current: bool
    """Whether this very request belongs to it."""


class Sessions(Answer):
    """Your sign-ins that have not ended, the newest first."""

    items: list[Session]
    next_cursor: str | None
    """Null on the last page."""


class StreamTicket(Answer):
    """What opens the stream once, in place of a token."""

    ticket: str
    expires_in: int
    """Seconds."""
