"""A person's identity, folded from its events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from write_model.kernel.messages import Aggregate
from write_model.kernel.personal import Personal
from write_model.user.events import (
    IdentityProviderLinked,
    IdentityProviderUnlinked,
    PasswordChanged,
    RecoveryCodeUsed,
    ResetOffered,
    SecondFactorDisabled,
    SecondFactorEnabled,
    SignInsEnded,
    UserEvent,
    UserInvited,
    UserRegistered,
)


@dataclass(frozen=True, slots=True)
class User:
    """Name and e-mail stay sealed in the state, as they are in the log."""

    name: Personal[str] | None = None
    email: Personal[str] | None = None
    has_second_factor: bool = False

    @property
    def exists(self) -> bool:
        return self.name is not None

    def after(self, event: UserEvent, /, *, by: UUID, at: datetime) -> User:
        match event:
            case UserRegistered(name=name, email=email):
                return User(name, email)
            case (
                UserInvited()
                | PasswordChanged()
                | SignInsEnded()
                | ResetOffered()
                | RecoveryCodeUsed()
                | IdentityProviderLinked()
                | IdentityProviderUnlinked()
            ):
                return self
            case SecondFactorEnabled():
                return replace(self, has_second_factor=True)
            case SecondFactorDisabled():
                return replace(self, has_second_factor=False)
            case _:
                assert_never(event)


USER = Aggregate("user", "USR", User())
