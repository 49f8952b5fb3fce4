"""How an incident begins: reported for triage, declared, or dismissed."""

from __future__ import annotations

from collections.abc import Iterator

from write_model.incident.commands.command import IncidentCommand
from write_model.incident.commands.inputs import Name, Reason, Text, Title
from write_model.incident.events import (
    IncidentDeclared,
    IncidentDismissed,
    IncidentReported,
    Priority,
    Severity,
    Status,
)
from write_model.incident.incident import Incident
from write_model.kernel.messages import Moment
from write_model.kernel.personal import Clear, Personal
from write_model.kernel.texts import PersonName


class BeginIncident(IncidentCommand):
    """What a report and a declaration have in common."""

    title: Title
    """What happened, in one line."""
    description: Text | None = None
    """What happened, at length. It is kept in clear."""
    priority: Priority | None = None
    """How soon it is to be dealt with."""
    team: Name | None = None
    """Whose it is, as the organization calls the team."""
    source: Name = "manual"
    """Where it comes from, such as a monitor or an older system."""
    source_key: Name | None = None
    """What the source calls it; the same one begins only one incident."""
    injured: PersonName | None = None
    """The name of who was hurt; it is kept sealed."""

    def cause(self) -> tuple[str, str] | None:
        return (self.source, self.source_key) if self.source_key else None

    def new_cause(self, incident: Incident, /) -> tuple[str, str] | None:
        return None if self.repeats(incident) else self.cause()

    def repeats(self, incident: Incident) -> bool:
        return self.source_key is not None and self.cause() == (
            incident.source,
            incident.source_key,
        )


class ReportIncident(BeginIncident):
    """Tell what you saw; somebody who responds decides in triage whether it is an incident.

    A report with a source key that was used before answers with the first incident.
    """

    permission = "incident.report"
    verb = "report"
    legal_from = (Status.NONE,)

    def changes_nothing(self, incident: Incident, /) -> bool:
        return super().changes_nothing(incident) or self.repeats(incident)

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentReported]:
        yield IncidentReported(
            title=self.title,
            reporter=self.by(moment),
            source=self.source,
            source_key=self.source_key,
            description=self.description,
            priority=self.priority,
            team=self.team,
            injured=sealable(self.injured, moment),
        )


class DeclareIncident(BeginIncident):
    """Declare an incident: its clocks start, and whoever responds is expected to.

    It starts a new incident, or takes a reported one out of triage, and then what you leave
    out stays as reported; so do its source and source key, unless only you give a key. A source
    key that was used before answers with the first incident.
    """

    permission = "incident.report"
    verb = "declare"
    legal_from = (Status.NONE, Status.TRIAGE)

    severity: Severity
    """How grave it is; sev1 is the gravest."""

    def changes_nothing(self, incident: Incident, /) -> bool:
        begun = incident.status is not Status.TRIAGE and self.repeats(incident)
        return begun or super().changes_nothing(incident)

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentDeclared]:
        source, source_key = self._origin(incident)
        yield IncidentDeclared(
            title=self.title,
            severity=self.severity,
            reporter=incident.reporter or self.by(moment),
            source=source,
            source_key=source_key,
            description=self.description,
            priority=self.priority,
            team=self.team,
            injured=sealable(self.injured, moment),
        )

    def _origin(self, incident: Incident) -> tuple[str, str | None]:
        """Source and key, never one of either: the report's, unless only the declaration has a key.

        A key means nothing beside another source.
        """
        has_the_only_key = incident.source_key is None and self.source_key is not None
        if incident.source is None or has_the_only_key:
            return self.source, self.source_key
        return incident.source, incident.source_key


class DismissIncident(IncidentCommand):
    """Say in triage why the report is no incident. This is final."""

    permission = "incident.triage"
    verb = "dismiss"
    legal_from = (Status.TRIAGE,)

    reason: Reason

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentDismissed]:
        yield IncidentDismissed(reason=self.reason)


def sealable(name: str | None, moment: Moment) -> Personal[str] | None:
    """A person's name on its way to being sealed; each mention is a data subject of its own."""
    return Clear(subject=moment.ids(), value=name) if name else None
