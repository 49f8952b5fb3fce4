"""What may be asked of an API key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from write_model.api_key.api_key import API_KEY, ApiKey, Status
from write_model.api_key.events import ApiKeyCreated, ApiKeyRevoked, ApiKeyRotated
from write_model.kernel.errors import IllegalTransition, Invalid
from write_model.kernel.messages import Command, Moment
from write_model.kernel.texts import STORABLE
from write_model.kernel.times import Time

USUALLY_LIVES = timedelta(days=90)
LIVES_AT_MOST = timedelta(days=366)
"""A key that nobody thinks of any more ends by itself."""


class Scope(StrEnum):
    """What a key may be made for: all that a service may do, which a test compares."""

    READ_INCIDENTS = "incident.read"
    READ_PEOPLE = "people.read"
    READ_EVENTS = "events.read"
    REPORT = "incident.report"
    RESPOND = "incident.respond"
    TRIAGE = "incident.triage"
    READ_PERSONAL = "incident.personal"
    IMPORT = "records.import"


KeyName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=STORABLE),
]
Prefix = Annotated[str, StringConstraints(pattern=r"^tsk_[a-z2-7]{8}$")]
Scopes = Annotated[frozenset[Scope], Field(min_length=1)]


class ApiKeyCommand(Command):
    aggregate: ClassVar = API_KEY
    permission: ClassVar = "api_keys.manage"


class CreateApiKey(ApiKeyCommand):
    """Make a key for a service; nobody gives it more than he may do himself."""

    needs_reauthentication: ClassVar = True
    name: KeyName
    prefix: Prefix
    scopes: Scopes
    expires_at: Time | None = None

    def decide(self, state: ApiKey, moment: Moment) -> Iterator[ApiKeyCreated]:
        if state.status is not Status.NONE:
            raise IllegalTransition("This key was made already.")
        for scope in sorted(self.scopes):
            moment.actor.must(scope)
        yield ApiKeyCreated(
            name=self.name,
            prefix=self.prefix,
            scopes=tuple(sorted(self.scopes)),
            expires_at=_expiry(self.expires_at, moment.now),
        )


class RotateApiKey(ApiKeyCommand):
    """Put another secret in force; the older one is no longer good."""

    needs_reauthentication: ClassVar = True
    prefix: Prefix

    def decide(self, state: ApiKey, moment: Moment) -> Iterator[ApiKeyRotated]:
        state.must_be_in_force(moment.now)
        # The log forgets idempotency keys, and of the same request the same secret is made.
        state.must_never_have_had(self.prefix)
        yield ApiKeyRotated(prefix=self.prefix)


class RevokeApiKey(ApiKeyCommand):
    """End a key for good; repeated, it changes nothing."""

    def decide(self, state: ApiKey, moment: Moment) -> Iterator[ApiKeyRevoked]:
        state.must_exist()
        if state.status is Status.ACTIVE:
            yield ApiKeyRevoked()


def _expiry(wanted: datetime | None, now: datetime) -> datetime:
    expires_at = wanted or now + USUALLY_LIVES
    if not now < expires_at <= now + LIVES_AT_MOST:
        raise Invalid(
            f"A key expires in the future, within {LIVES_AT_MOST.days} days.", field="expires_at"
        )
    return expires_at
