"""A question for figures of incidents, read from query parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from read_model.queries.asking import asked, one_of, time_of
from read_model.queries.list_asked import ALLOWED
from write_model.kernel.errors import Invalid

FILTERS = ("severity", "priority", "team", "source")
INTERVALS = ("none", "day", "week", "month")
GROUPS = ("none", "severity", "team", "source")

_OTHERS = ("interval", "group_by", "from", "to")


@dataclass(frozen=True, slots=True)
class FiguresAsked:
    """`interval`, `group_by`: "none" for all in one. `since` is included, `until` is not."""

    filters: Mapping[str, tuple[Any, ...]]
    interval: str = "none"
    group_by: str = "none"
    since: datetime | None = None
    until: datetime | None = None


def figures_asked(parameters: Mapping[str, str]) -> FiguresAsked:
    """`parameters` as they stand in the address.

    Raises: Invalid for whatever is not known, by name.
    """
    for name in parameters:
        one_of(name, (*FILTERS, *_OTHERS), name)
    since, until = _time(parameters, "from"), _time(parameters, "to")
    if since and until and since >= until:
        raise Invalid("Say a time in `to` that is later than the one in `from`.", field="to")
    narrowed = {name: text for name, text in parameters.items() if name in FILTERS}
    return FiguresAsked(
        filters=asked(narrowed, ALLOWED).filters,
        interval=one_of(parameters.get("interval", "none"), INTERVALS, "interval"),
        group_by=one_of(parameters.get("group_by", "none"), GROUPS, "group_by"),
        since=since,
        until=until,
    )


def _time(parameters: Mapping[str, str], name: str) -> datetime | None:
    return time_of(parameters[name], name) if name in parameters else None
