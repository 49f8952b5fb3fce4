"""Everything that may be asked of the read model, put together once."""

from __future__ import annotations

from dataclasses import dataclass

from read_model.cache import Cache
from read_model.dear import DearAnswers
from read_model.dear_questions import dear_answers
from read_model.queries.accesses import Accesses
from read_model.queries.changes import Changes
from read_model.queries.cursor import Cursors
from read_model.queries.history import Histories
from read_model.queries.incident import Incidents
from read_model.queries.incident_list import IncidentList
from read_model.queries.past import Pasts
from read_model.queries.position import Positions
from read_model.queries.projections import Projections
from read_model.queries.timeline import Timelines
from read_model.reader import Reader
from write_model.kernel.clock import Clock
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class Questions:
    incidents: Incidents
    incident_list: IncidentList
    past_list: IncidentList
    """The same, for who asks what it was."""
    histories: Histories
    timelines: Timelines
    changes: Changes
    positions: Positions
    pasts: Pasts
    projections: Projections
    dear_answers: DearAnswers
    accesses: Accesses
    cursors: Cursors
    """For the lists of people and keys, which lie beside the read model."""


def questions(
    reader: Reader,
    dear: Reader,
    master: MasterSecret,
    cache: Cache,
    settings: Settings,
    clock: Clock,
) -> Questions:
    """`dear`: asks what reads many rows for one answer, and may take longer."""
    cursors = Cursors(master)
    dear_list = IncidentList(dear, cursors)
    return Questions(
        Incidents(reader),
        IncidentList(reader, cursors),
        dear_list,
        Histories(reader, cursors),
        Timelines(reader, cursors),
        Changes(reader),
        Positions(reader),
        Pasts(dear),
        Projections(reader),
        dear_answers(dear, dear_list, cache, settings, clock),
        Accesses(reader, cursors),
        cursors,
    )
