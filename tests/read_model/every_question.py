"""Every question that is put to the database, as somebody would ask it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from uuid import UUID

from read_model.queries.figures_asked import GROUPS, INTERVALS, figures_asked
from read_model.queries.incident_figures import figures_query, parameters_of
from tests.projections.story import MONDAY, NORTH
from tests.read_model.every_list import lists
from tests.read_model.every_list_then import lists_then
from tests.read_model.question import Question, known_as, put
from tests.read_model.seeding import PARKED, incident

FORKLIFT = UUID(incident(7))


def questions() -> Iterator[Question]:
    yield from _of_one_incident()
    yield from _of_its_past()
    yield from _of_what_happened()
    yield from _of_the_log()
    yield from _of_what_is_parked()
    yield from _of_accesses()
    yield from _of_the_projector()
    yield from _figures()
    yield from lists()
    yield from lists_then()


def _of_one_incident() -> Iterator[Question]:
    yield put("queries.incident._BY_ID", ids=[FORKLIFT])
    yield put("queries.incident._BY_NUMBER", number=7)
    page = {"stream": FORKLIFT, "limit": 500, "after": 1, "at": MONDAY, "version": 1}
    yield put("queries.history._HISTORY", **page)
    for by, query in known_as("queries.timeline._QUERIES").items():
        yield Question(f"timeline by {by}", query, page)


def _of_its_past() -> Iterator[Question]:
    kinds = ["incident"]
    for days in (1, 10, 10_000):
        yield put("queries.past._REACHED", time=MONDAY + timedelta(days=days))
    for position in (1, 30_000, 10**9):
        yield put("queries.past._BEGUN", kind="incident", position=position)
    page, all_ = [UUID(incident(n)) for n in (*range(1, 60), PARKED)], 10**9
    yield put("queries.past.EVENTS", streams=page, kinds=kinds, position=99, version=2)
    yield put("queries.past.EVENTS", streams=[FORKLIFT], kinds=kinds, position=all_, version=all_)
    yield put("queries.past._BEGAN", stream=FORKLIFT, kinds=kinds)


def _of_what_happened() -> Iterator[Question]:
    page = {"after": 7, "limit": 500, "types": ["incident.closed"], "subject": FORKLIFT}
    page |= {"teams": ["warehouse"], "until": 5_007}
    feed = known_as("queries.changes._feed")
    for of_a_type, of_a_subject, of_teams in product((False, True), repeat=3):
        name = f"changes {of_a_type=} {of_a_subject=} {of_teams=}"
        yield Question(name, feed(of_a_type, of_a_subject, of_teams), page)
    yield put("queries.position._APPLIED")
    yield put("queries.standing._STANDING")
    yield put("queries.people._BY_SUBJECT", subjects=[UUID(incident(n)) for n in (1, 21)])
    yield put("queries.people._ALL", after=UUID(int=0), limit=50)


def _of_the_log() -> Iterator[Question]:
    yield put("log_headers._TAIL", after=7, limit=500)
    yield put("log_headers._MISSED", NORTH, 7, 500)
    yield put("log_headers._LAST", NORTH)
    yield put("log_headers._IS_LOST", NORTH, 7, 1)
    yield put("people._EVENTS", [NORTH], [FORKLIFT], [0], ["membership.listed"])


def _of_accesses() -> Iterator[Question]:
    page = {"tenant": NORTH, "at": MONDAY, "entry": 7, "limit": 101}
    for actor, outcome in product((None, FORKLIFT), (None, "forbidden")):
        yield put("queries.accesses._PAGE", **page, actor=actor, outcome=outcome)


def _of_what_is_parked() -> Iterator[Question]:
    parked = UUID(incident(PARKED))
    yield put("queries.parked._PARKED_OF_KIND", kind="incident", position=10**9)
    yield put("queries.parked.NEVER_SHOWN", kind="incident", stream=parked)
    yield put("dead_letters._ALL")
    yield put("dead_letters._LISTED", NORTH, NORTH, 50)
    yield put("dead_letters._ASK", parked, None, "It was mended.", FORKLIFT)


def _of_the_projector() -> Iterator[Question]:
    for name in ("health._HEALTH", "layout.POINTERS", "layout.NUMBER"):
        yield put(name)
    for name in ("watching._WATCH", "watching._REBUILDS"):
        yield put(name)
    for name in ("queries.projections._KEPT", "queries.projections._PROJECTIONS"):
        yield put(name)
    since = ["incident"], None, "incident", 7
    yield put("queries.projections._ASK", UUID(int=7), NORTH, FORKLIFT, *since)


def _figures() -> Iterator[Question]:
    day = {"from": MONDAY.isoformat(), "to": (MONDAY + timedelta(hours=1)).isoformat()}
    why = "Figures are of all that was ever opened."
    for interval, group in product(INTERVALS, GROUPS):
        whole = {"interval": interval, "group_by": group}
        for narrowing in ({}, {"severity": "sev1", "team": "team 7"}):
            yield _figure(whole | narrowing, why)
            yield _figure(whole | narrowing | day)


def _figure(parameters: dict[str, str], why: str = "") -> Question:
    asked, name = figures_asked(parameters), f"figures {','.join(parameters.values())}"
    return Question(name, figures_query(asked), parameters_of(asked, MONDAY), why)
