"""Everything that Tallystick projects; importing it makes every event known.

Two kinds of events have no document of their own: their changes are told from what they say.
"""

from __future__ import annotations

from projections.engine.catalog import Catalog
from projections.history import CHANGES, INCIDENT_TIMELINE
from projections.incident.search import INCIDENT_SEARCH
from projections.incident.tables import INCIDENT, INCIDENT_LIST
from projections.people import PEOPLE
from write_model.organization.events import OrganizationEvent
from write_model.user.events import UserEvent

CATALOG = Catalog((INCIDENT, INCIDENT_LIST, INCIDENT_SEARCH, PEOPLE, INCIDENT_TIMELINE, CHANGES))

WITHOUT_DOCUMENT = OrganizationEvent | UserEvent
