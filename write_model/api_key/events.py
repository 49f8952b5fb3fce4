"""What has happened to an API key. The secret itself lies outside the log."""

from __future__ import annotations

from pydantic import AwareDatetime

from write_model.kernel.messages import Event, event


@event("api_key.created")
class ApiKeyCreated(Event):
    """`scopes` are sorted; `prefix` begins the only secret that is good."""

    name: str
    prefix: str
    scopes: tuple[str, ...]
    expires_at: AwareDatetime


@event("api_key.rotated")
class ApiKeyRotated(Event):
    """`prefix`: of the secret that is good from now on."""

    prefix: str


@event("api_key.revoked")
class ApiKeyRevoked(Event):
    """It is never good again."""


ApiKeyEvent = ApiKeyCreated | ApiKeyRotated | ApiKeyRevoked
