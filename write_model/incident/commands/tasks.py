"""The tasks of an incident: all must be done or waived before it is resolved."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from write_model.incident.commands.command import UNENDED, IncidentCommand
from write_model.incident.commands.inputs import Reason, Title
from write_model.incident.events import TaskAdded, TaskCompleted, TaskWaived
from write_model.incident.incident import Incident
from write_model.kernel.errors import IllegalTransition, NotFound
from write_model.kernel.messages import Moment


class AddTask(IncidentCommand):
    """Write down what is to be done, and by whom."""

    permission = "incident.respond"
    verb = "tasks"
    legal_from = UNENDED

    title: Title
    """What is to be done, in one line."""
    assignee: UUID | None = None
    """Who is to do it, by id."""

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[TaskAdded]:
        yield TaskAdded(task=moment.ids(), title=self.title, assignee=self.assignee)


class CompleteTask(IncidentCommand):
    """Say that a task is done."""

    permission = "incident.respond"
    verb = "tasks/complete"
    legal_from = UNENDED

    task: UUID

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[TaskCompleted]:
        _must_be_open(self.task, incident)
        yield TaskCompleted(task=self.task)


class WaiveTask(IncidentCommand):
    """Say why a task need not be done."""

    permission = "incident.respond"
    verb = "tasks/waive"
    legal_from = UNENDED

    task: UUID
    reason: Reason

    def decide(self, incident: Incident, moment: Moment, /) -> Iterator[TaskWaived]:
        _must_be_open(self.task, incident)
        yield TaskWaived(task=self.task, reason=self.reason)


def _must_be_open(task: UUID, incident: Incident) -> None:
    if task in incident.settled_tasks:
        raise IllegalTransition("This task is done or waived already.")
    if task not in incident.open_tasks:
        raise NotFound("There is no such task.")
