"""How an incident ends without being resolved: cancelled, or carried on in another."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from write_model.incident.commands.command import UNENDED, IncidentCommand
from write_model.incident.commands.inputs import IncidentId, Reason
from write_model.incident.events import IncidentCancelled, IncidentMerged, Status
from write_model.incident.incident import FINAL, Incident
from write_model.kernel.access import Actor
from write_model.kernel.errors import IllegalTransition, NotFound
from write_model.kernel.messages import Moment


class CancelIncident(IncidentCommand):
    """Say why nothing more will be done. This is final."""

    permission = "incident.command"
    verb = "cancel"
    legal_from = UNENDED

    reason: Reason

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentCancelled]:
        yield IncidentCancelled(reason=self.reason)


class MergeIncident(IncidentCommand):
    """Let another incident carry on for this one. This is final.

    The winner's state is only as fresh as the door's look at it: whoever hands it in must see
    to it that two incidents merged into each other at once do not both succeed.
    """

    permission = "incident.command"
    verb = "merge"
    legal_from = UNENDED

    into: IncidentId
    """The incident that carries on, by its id or its reference, such as INC-42."""

    def involves(self, by: Actor, /) -> tuple[UUID, ...]:
        return (self.into,)

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentMerged]:
        if self.into == moment.stream:
            raise IllegalTransition("An incident cannot be merged into itself.")
        winner: Incident = moment.others.get(self.into, Incident())
        if winner.status is Status.NONE:
            raise NotFound("There is no such incident to merge into.")
        if winner.status in FINAL:  # Nothing is merged into a merged one, so no cycle can form.
            raise IllegalTransition(
                f"The other incident is {winner.status}; choose one that goes on."
            )
        yield IncidentMerged(into=self.into)
