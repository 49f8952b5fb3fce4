"""Everything that Tallystick projects; importing it makes every event known.

Three kinds of events have no document of their own: their changes are told from what they say.
"""

from __future__ import annotations

from projections.engine.catalog import Catalog
from projections.history import CHANGES, INCIDENT_TIMELINE
from projections.incident.counts import INCIDENT_COUNTS
from projections.incident.figures import INCIDENT_FIGURES
from projections.incident.search import INCIDENT_SEARCH
from projections.incident.tables import INCIDENT, INCIDENT_LIST, INCIDENT_VERSIONS
from projections.people import PEOPLE
from write_model.api_key.events import ApiKeyEvent
from write_model.organization.events import OrganizationEvent
from write_model.user.events import UserEvent

CATALOG = Catalog(
    (
        INCIDENT,
        INCIDENT_LIST,
        INCIDENT_COUNTS,
        INCIDENT_FIGURES,
        INCIDENT_SEARCH,
        PEOPLE,
        INCIDENT_VERSIONS,
        INCIDENT_TIMELINE,
        CHANGES,
    )
)

WITHOUT_DOCUMENT = OrganizationEvent | UserEvent | ApiKeyEvent
