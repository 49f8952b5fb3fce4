"""What has happened to a person's identity. The stream's id is the subject id."""

from __future__ import annotations

from write_model.kernel.messages import Event, event
from write_model.kernel.personal import Personal


@event("user.registered")
class UserRegistered(Event):
    name: Personal[str]
    email: Personal[str]


@event("user.password_changed")
class PasswordChanged(Event):
    """That it changed; the hash itself lies outside the log."""


UserEvent = UserRegistered | PasswordChanged
