"""Who may do what: roles, the permissions they carry, and the actor who holds them.

The table follows DOMAIN.md; whatever is not in it is denied.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Literal
from uuid import UUID

from write_model.kernel.errors import Forbidden, ReauthenticationRequired, SecondFactorMissing

Source = Literal["ui", "api", "import", "rule", "timer", "system"]

SYSTEM = UUID(int=0)
"""The system tenant, and the actor of what nobody asked for."""

PROVEN_FOR = timedelta(minutes=5)
"""How long it counts that somebody has proven once more who he is: for one signature, or a few."""


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    AUDIT_MANAGER = "audit_manager"
    LEAD_AUDITOR = "lead_auditor"
    AUDITOR = "auditor"
    AUDITEE = "auditee"
    ACTION_OWNER = "action_owner"
    QUALITY_APPROVER = "quality_approver"
    INCIDENT_COMMANDER = "incident_commander"
    RESPONDER = "responder"
    REPORTER = "reporter"
    VIEWER = "viewer"
    EXTERNAL_AUDITOR = "external_auditor"
    SERVICE = "service"


_READ = frozenset({"incident.read", "people.read"})
_REPORT = _READ | {"incident.report"}
_RESPOND = _REPORT | {"incident.respond", "incident.triage", "incident.personal"}
_COMMAND = _RESPOND | {"incident.command", "incident.assign"}
_HISTORY = frozenset({"events.read"})
_ADMINISTER = frozenset(
    {"organization.administer", "members.manage", "projections.manage", "api_keys.manage"}
)

PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.OWNER: _COMMAND | _HISTORY | _ADMINISTER | {"records.import"},
    Role.ADMIN: _COMMAND | _HISTORY | _ADMINISTER | {"records.import"},
    Role.AUDIT_MANAGER: _REPORT | _HISTORY,
    Role.LEAD_AUDITOR: _REPORT | _HISTORY,
    Role.AUDITOR: _REPORT | _HISTORY,
    Role.AUDITEE: _REPORT,
    Role.ACTION_OWNER: _REPORT,
    Role.QUALITY_APPROVER: _REPORT | _HISTORY,
    Role.INCIDENT_COMMANDER: _COMMAND | _HISTORY,
    Role.RESPONDER: _RESPOND | _HISTORY,
    Role.REPORTER: _REPORT,
    Role.VIEWER: _READ | _HISTORY,
    Role.EXTERNAL_AUDITOR: _READ | _HISTORY,
    Role.SERVICE: _RESPOND | _HISTORY | {"records.import"},
}


@lru_cache(maxsize=4096)
def permissions_of(roles: frozenset[Role]) -> frozenset[str]:
    """Everything that any of the roles may do."""
    return frozenset[str]().union(*(PERMISSIONS[role] for role in roles))


_OWN = "people.read"
"""Who one is oneself, one's sign-ins, and the names behind ids."""
_BOUND = "This is of the whole organization, and your membership is bound to teams."


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a subject in a tenant with roles, and by which way the request came.

    `scopes`: all that an API key may do of what its role may; None for a person.
    `until`: from then on his roles have no effect; None where nothing but a change ends them.
    `teams`: whose records alone he sees and changes; None for those of the whole organization.
    `lacks_second_factor`: whether his organization demands one that he does not have.
    `authenticated_at`: when he proved once more who he is, after signing in; None: he has not.
    """

    id: UUID
    tenant: UUID
    roles: frozenset[Role] = frozenset()
    source: Source = "api"
    scopes: frozenset[str] | None = None
    authenticated_at: datetime | None = None
    until: datetime | None = None
    teams: frozenset[str] | None = None
    lacks_second_factor: bool = False

    def may(self, permission: str) -> bool:
        """Wherever in the organization: whoever is bound to teams may not, unless it is his own."""
        if self.teams is not None and self.source != "system" and permission != _OWN:
            return False
        return self.may_within(permission)

    def may_within(self, permission: str) -> bool:
        """Of records that he may see: all, or those of his teams; which ones is asked apart."""
        if self.scopes is not None and permission not in self.scopes:
            return False
        return self.source == "system" or permission in permissions_of(self.roles)

    def must(self, permission: str) -> None:
        """Raises: Forbidden unless one of the roles carries the permission."""
        if not self.may(permission):
            bound = self.teams is not None and self.may_within(permission)
            raise Forbidden(permission, _BOUND if bound else None)

    def must_within(self, permission: str) -> None:
        """Raises: Forbidden unless he may do it with the records that he may see."""
        if not self.may_within(permission):
            raise Forbidden(permission)

    def must_not_lack_a_second_factor(self) -> None:
        """Raises: SecondFactorMissing."""
        if self.lacks_second_factor:
            raise SecondFactorMissing

    def must_have_reauthenticated(self, now: datetime) -> None:
        """Raises: ReauthenticationRequired unless he has just proven who he is."""
        if self.source == "system":
            return
        if self.authenticated_at is None or now - self.authenticated_at > PROVEN_FOR:
            raise ReauthenticationRequired

    def must_be_a_person(self) -> None:
        """Raises: Forbidden for an API key, which has neither a password nor sign-ins."""
        if self.scopes is not None:
            raise Forbidden("", "An API key cannot do this; sign in as a person.")


def system_actor(tenant: UUID = SYSTEM) -> Actor:
    """The product itself, acting without being asked."""
    return Actor(SYSTEM, tenant, source="system")
