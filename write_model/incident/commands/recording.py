"""What becomes known of an incident while it lasts: description, impact, links, evidence."""

from __future__ import annotations

from collections.abc import Iterator

from write_model.incident.commands.command import UNENDED, UNSOLVED, IncidentCommand
from write_model.incident.commands.declaring import sealable
from write_model.incident.commands.inputs import (
    Bytes,
    MediaType,
    ObjectKey,
    Sha256,
    Target,
    Text,
    Title,
)
from write_model.incident.events import (
    EvidenceAttached,
    IncidentDescribed,
    IncidentImpactSet,
    IncidentLinked,
    LinkKind,
    SlaBreached,
    Timer,
)
from write_model.incident.incident import Incident
from write_model.kernel.errors import Invalid
from write_model.kernel.messages import Moment
from write_model.kernel.texts import PersonName


class DescribeIncident(IncidentCommand):
    """Put the title or the description right; what you leave out stays."""

    permission = "incident.respond"
    verb = "describe"
    legal_from = UNENDED

    title: Title | None = None
    """What happened, in one line."""
    description: Text | None = None
    """What happened, at length. It is kept in clear."""

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentDescribed]:
        if not (self.title or self.description):
            raise Invalid("Give a title or a description.", field="title")
        yield IncidentDescribed(title=self.title, description=self.description)


class SetImpact(IncidentCommand):
    """Say what the incident affects, and who was injured; the name is kept sealed."""

    permission = "incident.respond"
    verb = "impact"
    legal_from = UNENDED

    impact: Text
    """What is affected, and how."""
    injured: PersonName | None = None
    """The name of who was hurt; it is kept sealed."""

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentImpactSet]:
        yield IncidentImpactSet(impact=self.impact, injured=sealable(self.injured, moment))


class LinkIncident(IncidentCommand):
    """Point to what belongs to this incident: another record, or an address."""

    permission = "incident.respond"
    verb = "links"
    legal_from = UNENDED

    kind: LinkKind = "relates_to"
    """What the target is to this incident."""
    target: Target
    """A record's id or reference, or an address of the web (https, http) or of mail (mailto)."""

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[IncidentLinked]:
        yield IncidentLinked(link=moment.ids(), kind=self.kind, target=self.target)


class AttachEvidence(IncidentCommand):
    """Attach a stored object by its key, with the SHA-256 that proves its content."""

    permission = "incident.respond"
    verb = "evidence"
    legal_from = UNENDED

    object_key: ObjectKey
    """Where the object store keeps it."""
    sha256: Sha256
    """Of its content, in hexadecimal."""
    size: Bytes
    """In bytes."""
    media_type: MediaType
    """Such as image/jpeg."""

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[EvidenceAttached]:
        yield EvidenceAttached(
            evidence=moment.ids(),
            object_key=self.object_key,
            sha256=self.sha256,
            size=self.size,
            media_type=self.media_type,
        )


class RecordSlaBreach(IncidentCommand):
    """A clock ran out. Only the product's own timers say so.

    A timer that ran out before is ignored, or one of an earlier generation of the clocks, and so
    is the acknowledge timer of an incident that was acknowledged: a peer escalated alerts
    acknowledged months before.
    """

    permission = "incident.record_sla_breach"
    """No role carries it."""
    verb = "sla-breach"
    legal_from = UNSOLVED
    of_history = False

    timer: Timer
    generation: int

    def changes_nothing(self, incident: Incident, /) -> bool:
        stopped = self.timer == "acknowledge" and incident.acknowledged
        known = (self.timer, self.generation) in incident.breaches
        return stopped or known or self.generation != incident.clock_generation

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[SlaBreached]:
        yield SlaBreached(timer=self.timer, generation=self.generation)
