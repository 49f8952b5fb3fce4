"""Counts of documents by what they say: they move with every change, and never drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from projections.engine.log import Connection
from projections.engine.projection import Row, TableSpec, Tally, Values
from projections.engine.tallying import difference
from tests.projections.conftest import Connect
from tests.projections.story import NORTH, SOUTH, Story, write_log
from tests.projections.test_incident_document import DECLARED
from tests.projections.test_projector import catch_up, projector
from write_model.incident.events import (
    IncidentAcknowledged,
    IncidentReopened,
    IncidentReported,
    IncidentResolved,
    NoteAdded,
    Status,
)


def _broken_rules(row: Row, tenant: UUID) -> tuple[Values, ...]:
    return tuple((tenant, rule) for rule in row["deviations"])


BROKEN_RULES = Tally("broken_rules", 1, "incident", TableSpec("broken_rules", ()), _broken_rules)


def saying(*rules: str) -> Mapping[str, Any]:
    return {"deviations": rules}


def test_a_document_leaves_the_keys_that_it_had_and_comes_to_those_that_it_has() -> None:
    changes = [(NORTH, saying("review", "window"), saying("window", "four_eyes", "four_eyes"))]
    assert set(difference(BROKEN_RULES, changes)) == {
        (NORTH, "review", -1),
        (NORTH, "four_eyes", 2),
    }


def test_what_comes_and_what_goes_of_the_same_key_is_nothing() -> None:
    changes = [(NORTH, None, saying("review")), (NORTH, saying("review"), None)]
    assert difference(BROKEN_RULES, changes) == []
    assert difference(BROKEN_RULES, [(NORTH, saying("review"), saying("review"))]) == []


Rules = tuple[str, ...]
SOME_RULES = st.lists(st.sampled_from(("review", "window", "four_eyes")), max_size=3).map(tuple)
BATCHES = st.lists(st.dictionaries(st.integers(0, 4), SOME_RULES))


@given(BATCHES)
def test_the_differences_of_all_batches_come_to_a_recount(
    batches: Sequence[Mapping[int, Rules]],
) -> None:
    told, documents = Counter[Values](), dict[int, Rules]()
    for batch in batches:
        changes = [
            (NORTH, saying(*documents[id_]) if id_ in documents else None, saying(*rules))
            for id_, rules in batch.items()
        ]
        for *key, count in difference(BROKEN_RULES, changes):
            told[tuple(key)] += count
        documents |= batch
    recount = Counter[Values]((NORTH, rule) for rules in documents.values() for rule in rules)
    assert {key: count for key, count in told.items() if count} == recount


def counted(log: Connection) -> dict[tuple[Any, ...], int]:
    rows = log.execute(
        "SELECT tenant_id, status, severity, team, count FROM projections.incident_counts_v1"
    ).fetchall()
    return {tuple(key): count for *key, count in rows}


def test_incidents_are_counted_by_what_they_say_and_a_count_of_none_is_no_row(
    log: Connection, connect: Connect
) -> None:
    story = Story()
    story.tell("smoke", IncidentReported(title="Smoke", reporter=UUID(int=1), source="phone"))
    for name in ("forklift", "press"):
        story.tell(name, DECLARED)
    story.tell("crane", DECLARED, tenant=SOUTH)
    write_log(log, story.events)
    one = projector(connect("tallystick_tailer"))
    catch_up(one)
    team, severity = DECLARED.team or "", DECLARED.severity.value
    assert counted(log) == {
        (NORTH, "triage", "", ""): 1,
        (NORTH, "open", severity, team): 2,
        (SOUTH, "open", severity, team): 1,
    }
    for name in ("forklift", "press"):
        story.tell(name, IncidentAcknowledged())
    story.tell("press", IncidentResolved(resolution="The seal was replaced"))
    story.tell("press", IncidentReopened(from_status=Status.RESOLVED, reason="It drips"))
    story.tell("press", NoteAdded(note=UUID(int=1), text="It drips"))
    write_log(log, story.events[4:])
    catch_up(one)
    assert counted(log) == {
        (NORTH, "triage", "", ""): 1,
        (NORTH, "open", severity, team): 1,
        (NORTH, "in_progress", severity, team): 1,
        (SOUTH, "open", severity, team): 1,
    }
    story.tell("press", IncidentAcknowledged())
    write_log(log, story.events[9:])
    catch_up(one)
    assert (NORTH, "open", severity, team) not in counted(log)
