"""What may be asked of a person's identity. Its stream is the subject id itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, StringConstraints

from write_model.kernel.blind_index import normalized
from write_model.kernel.errors import NotFound
from write_model.kernel.messages import Command, Moment
from write_model.kernel.personal import Clear
from write_model.kernel.texts import PersonName
from write_model.user.events import (
    EndReason,
    IdentityProviderLinked,
    IdentityProviderUnlinked,
    PasswordChanged,
    RecoveryCodeUsed,
    ResetOffered,
    SecondFactorDisabled,
    SecondFactorEnabled,
    SignInsEnded,
    UserInvited,
    UserRegistered,
)
from write_model.user.user import USER, User

Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$"),
    AfterValidator(normalized),
]
"""Spelt as look-ups spell it: otherwise one organization read how another one spelt it before."""


class RegisterUser(Command):
    """Make a person known by name and e-mail; repeated, it changes nothing."""

    aggregate: ClassVar = USER
    permission: ClassVar = "members.manage"
    name: PersonName
    email: Email

    def decide(self, state: User, moment: Moment) -> Iterator[UserRegistered | UserInvited]:
        if not state.exists:
            yield UserRegistered(
                name=Clear(moment.stream, self.name), email=Clear(moment.stream, self.email)
            )


class RecordInvitation(RegisterUser):
    """Write down who asks a person in; of known and unknown ones, so that both cost the same."""

    organization: UUID

    def decide(self, state: User, moment: Moment) -> Iterator[UserRegistered | UserInvited]:
        yield from super().decide(state, moment)
        yield UserInvited(organization=self.organization)


class RecordPasswordChange(Command):
    """Write down that the password was changed; what it is stands nowhere in the log."""

    aggregate: ClassVar = USER
    permission: ClassVar = "members.manage"

    def decide(self, state: User, moment: Moment) -> Iterator[PasswordChanged]:
        if not state.exists:
            raise NotFound
        yield PasswordChanged()


class RecordSignInsEnded(Command):
    """Write down that sign-ins have ended: so every process learns of it."""

    aggregate: ClassVar = USER
    permission: ClassVar = "members.manage"
    reason: EndReason
    sign_in: UUID | None = None
    """Only this one; all of them when left out."""

    def decide(self, state: User, moment: Moment) -> Iterator[SignInsEnded]:
        if not state.exists:
            raise NotFound
        yield SignInsEnded(reason=self.reason, sign_in=self.sign_in)


class RecordResetOffer(Command):
    """Write down who enabled a person to set another password."""

    aggregate: ClassVar = USER
    permission: ClassVar = "members.manage"
    organization: UUID

    def decide(self, state: User, moment: Moment) -> Iterator[ResetOffered]:
        if not state.exists:
            raise NotFound
        yield ResetOffered(organization=self.organization)


class RecordSecondFactorEnabled(Command):
    """Write down that signing in asks for a code from now on."""

    aggregate: ClassVar = USER
    permission: ClassVar = "members.manage"

    def decide(self, state: User, moment: Moment) -> Iterator[SecondFactorEnabled]:
        if not state.exists:
            raise NotFound
        yield SecondFactorEnabled()


class RecordSecondFactorDisabled(Command):
    """Write down that it does not any more, and whose administrator had it so."""

    aggregate: ClassVar = USER
    permission: ClassVar = "members.manage"
    organization: UUID | None = None

    def decide(self, state: User, moment: Moment) -> Iterator[SecondFactorDisabled]:
        if not state.exists:
            raise NotFound
        yield SecondFactorDisabled(organization=self.organization)


class RecordRecoveryCodeUse(Command):
    """Write down that one of ten codes stood in for the second factor."""

    aggregate: ClassVar = USER
    permission: ClassVar = "members.manage"

    def decide(self, state: User, moment: Moment) -> Iterator[RecoveryCodeUsed]:
        if not state.exists:
            raise NotFound
        yield RecoveryCodeUsed()


class AboutIdentityProvider(Command):
    aggregate: ClassVar = USER
    permission: ClassVar = "members.manage"
    organization: UUID
    """The one that trusts the provider."""
    provider: UUID


class RecordIdentityProviderLink(AboutIdentityProvider):
    """Write down that an identity provider tells of a person from now on."""

    def decide(self, state: User, moment: Moment) -> Iterator[IdentityProviderLinked]:
        if not state.exists:
            raise NotFound
        yield IdentityProviderLinked(organization=self.organization, provider=self.provider)


class RecordIdentityProviderUnlink(AboutIdentityProvider):
    """Write down that it no longer does."""

    def decide(self, state: User, moment: Moment) -> Iterator[IdentityProviderUnlinked]:
        if not state.exists:
            raise NotFound
        yield IdentityProviderUnlinked(organization=self.organization, provider=self.provider)
