"""Working on an incident: taking it, handing it over, waiting, and easing its effect."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from write_model.incident.commands.command import UNENDED, IncidentCommand
from write_model.incident.commands.inputs import Name, Reason
from write_model.incident.events import (
    HoldReason,
    IncidentAcknowledged,
    IncidentAssigned,
    IncidentEscalated,
    IncidentMitigated,
    IncidentPutOnHold,
    IncidentReleased,
    IncidentResumed,
    Severity,
    SeverityChanged,
    Status,
)
from write_model.incident.incident import Incident
from write_model.kernel.access import Actor
from write_model.kernel.errors import Invalid
from write_model.kernel.messages import Moment


class AcknowledgeIncident(IncidentCommand):
    """Say that you are on it: this stops the acknowledge clock and its escalation."""

    permission = "incident.respond"
    verb = "acknowledge"
    legal_from = (Status.OPEN,)

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentAcknowledged]:
        yield IncidentAcknowledged()


class AssignIncident(IncidentCommand):
    """Say whose incident it is: a team, a role, a person. Responders may take it themselves."""

    permission = "incident.respond"
    verb = "assign"
    legal_from = (Status.OPEN, Status.IN_PROGRESS, Status.MITIGATED)

    team: Name | None = None
    """As the organization calls it; left out, it stays."""
    role: Name | None = None
    """As the organization calls it; left out, it stays."""
    person: UUID | None = None
    """By id; left out, it stays."""

    def needs(self, incident: Incident, actor: Actor, /) -> str:
        oneself = (self.team, self.role, self.person) == (None, None, actor.id)
        return self.permission if oneself else "incident.assign"

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentAssigned]:
        if not (self.team or self.role or self.person or self.imported):
            raise Invalid("Say to which team, role or person.", field="team")
        yield IncidentAssigned(team=self.team, role=self.role, person=self.person)


class ReleaseIncident(IncidentCommand):
    """Hand the incident back to the queue, of its own team or of another."""

    permission = "incident.respond"
    verb = "release"
    legal_from = (Status.IN_PROGRESS, Status.ON_HOLD, Status.MITIGATED)

    team: Name | None = None
    """Another team to hand it to; left out, it stays."""

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentReleased]:
        yield IncidentReleased(team=self.team)


class ChangeSeverity(IncidentCommand):
    """Raise or lower the severity. Raising restarts the clocks; lowering is the commander's.

    The first severity of a reported incident is neither.
    """

    permission = "incident.respond"
    verb = "severity"
    legal_from = UNENDED

    to: Severity
    """The severity from now on; sev1 is the gravest."""
    reason: Reason

    def needs(self, incident: Incident, actor: Actor, /) -> str:
        lowers = incident.severity is not None and self.to > incident.severity
        return "incident.command" if lowers else self.permission

    def changes_nothing(self, incident: Incident, /) -> bool:
        return self.to is incident.severity or super().changes_nothing(incident)

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[SeverityChanged]:
        yield SeverityChanged(from_severity=incident.severity, severity=self.to, reason=self.reason)


class HoldIncident(IncidentCommand):
    """Say what the incident waits for; again, when it waits for something else."""

    permission = "incident.respond"
    verb = "hold"
    legal_from = (Status.IN_PROGRESS, Status.ON_HOLD, Status.MITIGATED)

    reason: HoldReason
    """What it waits for."""

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentPutOnHold]:
        yield IncidentPutOnHold(reason=self.reason)


class ResumeIncident(IncidentCommand):
    """Go on where the work stood before the hold."""

    permission = "incident.respond"
    verb = "resume"
    legal_from = (Status.ON_HOLD,)

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentResumed]:
        yield IncidentResumed(to_status=incident.held_from)


class MitigateIncident(IncidentCommand):
    """Say that the effect is contained, though the cause is not yet gone."""

    permission = "incident.respond"
    verb = "mitigate"
    legal_from = (Status.IN_PROGRESS,)

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentMitigated]:
        yield IncidentMitigated()


class EscalateIncident(IncidentCommand):
    """Call for more help, and say why."""

    permission = "incident.respond"
    verb = "escalate"
    legal_from = UNENDED

    reason: Reason

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentEscalated]:
        yield IncidentEscalated(reason=self.reason)
