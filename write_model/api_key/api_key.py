"""A service account's key, folded from its events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from write_model.api_key.events import ApiKeyCreated, ApiKeyEvent, ApiKeyRevoked, ApiKeyRotated
from write_model.kernel.access import SYSTEM
from write_model.kernel.errors import IllegalTransition, NotFound
from write_model.kernel.messages import Aggregate

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    NONE = "none"
    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Which secret is good is said here, by its prefix, and nowhere beside the log.

    `earlier`: the prefixes of those that were good before.
    """

    status: Status = Status.NONE
    name: str = ""
    prefix: str = ""
    scopes: frozenset[str] = frozenset()
    expires_at: datetime = _LONG_AGO
    created_by: UUID = SYSTEM
    created_at: datetime = _LONG_AGO
    earlier: frozenset[str] = frozenset()

    def after(self, event: ApiKeyEvent, /, *, by: UUID, at: datetime) -> ApiKey:
        match event:
            case ApiKeyCreated(name=name, prefix=prefix, scopes=scopes, expires_at=expires_at):
                return ApiKey(Status.ACTIVE, name, prefix, frozenset(scopes), expires_at, by, at)
            case ApiKeyRotated(prefix=prefix):
                return replace(self, prefix=prefix, earlier=self.earlier | {self.prefix})
            case ApiKeyRevoked():
                return replace(self, status=Status.REVOKED)
            case _:
                assert_never(event)

    def is_good(self, prefix: str) -> bool:
        """Whether the secret that begins so is the one in force; it may have expired."""
        return self.status is Status.ACTIVE and self.prefix == prefix

    def must_exist(self) -> None:
        """Raises: NotFound."""
        if self.status is Status.NONE:
            raise NotFound("There is no such API key.")

    def is_in_force(self, now: datetime) -> bool:
        return self.status is Status.ACTIVE and now < self.expires_at

    def must_be_in_force(self, now: datetime) -> None:
        """Raises: NotFound; IllegalTransition once it was revoked or has expired."""
        self.must_exist()
        if not self.is_in_force(now):
            raise IllegalTransition("This API key is no longer good; create another one.")

    def must_never_have_had(self, prefix: str) -> None:
        """Raises: IllegalTransition."""
        if prefix == self.prefix or prefix in self.earlier:
            raise IllegalTransition(
                "This secret was in force before; ask for another one with another Idempotency-Key."
            )


API_KEY = Aggregate("api_key", "KEY", ApiKey())
