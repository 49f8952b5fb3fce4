"""What people may type into an incident's commands: trimmed, bounded, and storable."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints, WithJsonSchema

from write_model.incident.incident import INCIDENT
from write_model.kernel.messages import RecordOf
from write_model.kernel.texts import STORABLE

IncidentId = Annotated[
    UUID,
    RecordOf(INCIDENT),
    WithJsonSchema(
        {"type": "string", "examples": ["0198f1a2-6c1e-7a30-9d2f-3b5f6f2c1a77", "INC-42"]}
    ),
]
"""Another incident; the API takes its reference too."""

Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=STORABLE),
]
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000, pattern=STORABLE),
]
Reason = Annotated[Text, Field(description="Kept in the history, for whoever asks later why.")]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=STORABLE),
]
"""A team, a role, a code or a source, as the organization calls it."""

# Of all schemes these three only: a page that shows a `javascript:` link would run it.
_POINTS = r"^(?:(?:https?|mailto):[^\x00]*|[^:\x00]*)$"
Target = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=_POINTS),
]
"""What a link points to: a record's id or reference, or an address of the web or of mail."""

Sha256 = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-fA-F]{64}$")]
MediaType = Annotated[str, StringConstraints(max_length=255, pattern=r"^[!-~]+/[!-~]+$")]
ObjectKey = Annotated[str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^[!-~]+$")]
Bytes = Annotated[int, Field(ge=0, le=5 * 1024**4)]
"""A size in bytes; at most 5 TiB, the largest object of S3-compatible stores."""
