"""How an incident ends, and comes back: the rules of review and of the second pair of eyes."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from write_model.incident.commands.command import UNSOLVED, IncidentCommand, business_time
from write_model.incident.commands.inputs import Name, Reason, Text
from write_model.incident.events import (
    IncidentClosed,
    IncidentReopened,
    IncidentResolved,
    ReviewWaived,
    Status,
)
from write_model.incident.incident import GRAVE, Incident
from write_model.kernel.access import Actor
from write_model.kernel.errors import (
    Forbidden,
    IllegalTransition,
    SegregationOfDuties,
)
from write_model.kernel.importing import Guard
from write_model.kernel.messages import Moment


class ResolveIncident(IncidentCommand):
    """Declare the incident over and say how it ended.

    Every task must be done or waived. For the assignee and incident commanders.
    """

    permission = "incident.respond"
    verb = "resolve"
    legal_from = UNSOLVED

    resolution: Text
    """What was done about it."""
    cause_code: Name | None = None
    """What caused it, by the organization's own code."""

    @classmethod
    def needs_at_least(cls, incident: Incident, actor: Actor, /) -> str:
        return cls.permission if actor.id == incident.assignee else "incident.command"

    @classmethod
    def guards(cls, incident: Incident, moment: Moment, by: UUID, /) -> tuple[Guard, ...]:
        refusal = IllegalTransition("Complete or waive the open tasks before you resolve.")
        return (("open_tasks", bool(incident.open_tasks), refusal),)

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentResolved]:
        yield IncidentResolved(resolution=self.resolution, cause_code=self.cause_code)


class CloseIncident(IncidentCommand):
    """Confirm that the incident is over.

    A sev1 or sev2 needs its review, published or waived, and is not closed by the one person
    who resolved it.
    """

    permission = "incident.command"
    verb = "close"
    legal_from = (Status.RESOLVED,)

    @classmethod
    def guards(cls, incident: Incident, moment: Moment, by: UUID, /) -> tuple[Guard, ...]:
        grave = incident.severity in GRAVE
        unreviewed = IllegalTransition("Publish the review, or waive it, before you close.")
        alone = SegregationOfDuties("Somebody else than who resolved it must close a sev1 or sev2.")
        return (
            ("review_required", grave and not incident.review_waived, unreviewed),
            ("sole_resolver", grave and incident.resolvers == frozenset({by}), alone),
        )

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentClosed]:
        yield IncidentClosed()


class WaiveReview(IncidentCommand):
    """Say why this incident needs no review before it is closed."""

    permission = "incident.command"
    verb = "waive-review"
    legal_from = (Status.RESOLVED,)

    reason: Reason

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[ReviewWaived]:
        yield ReviewWaived(reason=self.reason)


class ReopenIncident(IncidentCommand):
    """Say why it was not over after all.

    Some days after the end this is the commander's, and later nobody's: then declare a new
    incident and link it.
    """

    permission = "incident.respond"
    verb = "reopen"
    legal_from = (Status.RESOLVED, Status.CLOSED)

    reason: Reason

    @classmethod
    def guards(cls, incident: Incident, moment: Moment, by: UUID, /) -> tuple[Guard, ...]:
        rules, actor = moment.policies, moment.actor
        ended_for = business_time(moment) - incident.ended_at
        commander = actor.source != "import" and actor.may_within("incident.command")
        late = ended_for > rules.late_reopen_after and not commander
        commanders = Forbidden("incident.command", "By now only an incident commander reopens it.")
        ended = IllegalTransition("It ended too long ago; declare a new incident and link it.")
        return (
            ("reopen_window", ended_for > rules.reopen_window, ended),
            ("late_reopen", late, commanders),
        )

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentReopened]:
        yield IncidentReopened(from_status=incident.status, reason=self.reason)
