"""What a caller may do with an incident next."""

from __future__ import annotations

from write_model.incident.commands import COMMANDS
from write_model.incident.commands.command import IncidentCommand
from write_model.incident.incident import Incident
from write_model.kernel.messages import Moment


def allowed(incident: Incident, moment: Moment) -> tuple[str, ...]:
    """The verbs, in the order of an incident's life.

    What depends on a command's fields is not asked: lowering a severity may still be refused
    where raising is allowed.
    """
    return tuple(c.verb for c in COMMANDS if _is_open_to(c, incident, moment))


def _is_open_to(command: type[IncidentCommand], incident: Incident, moment: Moment) -> bool:
    actor = moment.actor
    if incident.status not in command.legal_from:
        return False
    if not actor.may_within(command.needs_at_least(incident, actor)):
        return False
    return not any(broken for _, broken, _ in command.guards(incident, moment, actor.id))
