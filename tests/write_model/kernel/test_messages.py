"""Events keep their topics, and commands say what they need."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.write_model.given import COMMANDER, MONDAY, STREAM, fresh_ids
from write_model.incident.events import IncidentAcknowledged
from write_model.incident.incident import INCIDENT
from write_model.kernel.errors import Forbidden
from write_model.kernel.messages import REGISTRY, Command, Event, Moment, event
from write_model.kernel.policies import Policies


class LookAtIncident(Command):
    """Do nothing yet."""

    aggregate: ClassVar = INCIDENT
    permission: ClassVar = "incident.respond"


class FoundOrganization(LookAtIncident):
    """Do what no role may."""

    permission: ClassVar = "nobody.may"


def test_a_topic_is_taken_once() -> None:
    with pytest.raises(ValueError, match="taken"):
        event(IncidentAcknowledged.topic)(Event)
    assert REGISTRY[IncidentAcknowledged.topic] is IncidentAcknowledged


def test_a_command_involves_nobody_and_has_no_cause_unless_it_says_so() -> None:
    command = LookAtIncident()
    assert (command.cause(), command.involves(COMMANDER)) == (None, ())
    assert not command.binds_what_was_seen


def test_a_command_must_say_what_follows() -> None:
    moment = Moment(COMMANDER, MONDAY, MONDAY, STREAM, fresh_ids(), Policies())
    with pytest.raises(NotImplementedError):
        LookAtIncident().outcome(INCIDENT.empty, moment)
    with pytest.raises(Forbidden):
        FoundOrganization().outcome(INCIDENT.empty, moment)
