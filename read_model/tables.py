"""The tables that queries name: each projection's present version.

Queries name a version and no view: replacing what a view shows waits behind its readers.
"""

from __future__ import annotations

from psycopg.sql import Identifier

INCIDENT = Identifier("projections", "incident_v1")
INCIDENT_LIST = Identifier("projections", "incident_list_v1")
INCIDENT_COUNTS = Identifier("projections", "incident_counts_v1")
INCIDENT_FIGURES = Identifier("projections", "incident_figures_v1")
INCIDENT_VERSIONS = Identifier("projections", "incident_versions_v1")
INCIDENT_SEARCH = Identifier("projections", "incident_search_v1")
INCIDENT_TIMELINE = Identifier("projections", "incident_timeline_v1")
CHANGES = Identifier("projections", "changes_v1")
PEOPLE = Identifier("projections", "people_v1")
PROJECTED = (
    INCIDENT,
    INCIDENT_LIST,
    INCIDENT_COUNTS,
    INCIDENT_FIGURES,
    INCIDENT_SEARCH,
    INCIDENT_VERSIONS,
    INCIDENT_TIMELINE,
    CHANGES,
    PEOPLE,
)
"""All of them: a release whose tables are not shown yet says so instead of asking empty ones."""

DEAD_LETTERS = Identifier("projections", "dead_letters")
SKIPPED = Identifier("projections", "skipped")

EVENTS = Identifier("log", "events")
"""The log itself: the app sees those of the organization that it names."""

INCIDENT_LIST_VERSION = 1
"""Bound into cursors: another version may sort otherwise."""
