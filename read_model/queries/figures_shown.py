"""Figures of incidents as they are answered: spans in seconds, shares, buckets of ages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from pydantic_core import to_json

from write_model.incident.events import HoldReason

AGES_S = (3_600, 86_400, 3 * 86_400, 7 * 86_400, 30 * 86_400, 90 * 86_400)
"""Where one bucket of ages ends and the next begins: an hour; 1, 3, 7, 30 and 90 days."""

HELD: Mapping[str, HoldReason] = {f"held_{reason.value}_us": reason for reason in HoldReason}
"""The column with the ended holds for each reason."""

Found = Mapping[str, Any]
Times = Mapping[HoldReason, int]
"""Microseconds on hold."""


def shown(
    at: datetime,
    items: Iterable[Found],
    holds: Iterable[Found],
    cells: Iterable[Found],
    ages: Iterable[Found],
    *,
    parked: int,
) -> bytes:
    """The answer's JSON, from the rows that were found; `holds`: those that have not ended."""
    present = dict[tuple[Any, Any], Times]()
    for hold in holds:
        of = hold["since"], hold["of"]
        present[of] = {**present.get(of, {}), HoldReason(hold["reason"]): hold["us"]}
    answer = {
        "at": at,
        "items": [_item(item, present.get((item["since"], item["of"]), {})) for item in items],
        "open_now": _open_now(cells, {found["age"]: found["count"] for found in ages}),
    }
    return to_json(answer | ({"parked": parked} if parked else {}))


def _item(found: Found, present: Times) -> Found:
    since, ever_resolved = found["since"], found["ever_resolved"]
    return {
        "since": since and f"{since}Z",
        "group": found["of"],
        "opened": found["opened"],
        "resolved": found["resolve_count"],
        "closed": found["closed"],
        "reopened": found["reopened"],
        "reopen_rate": found["reopened"] / ever_resolved if ever_resolved else None,
        "time_to_acknowledge": _span(found, "acknowledge"),
        "time_to_resolve": _span(found, "resolve"),
        "on_hold": _on_hold(found, present),
    }


def _span(found: Found, name: str) -> Found:
    half, nine_tenths = found[f"{name}_percentiles"] or (None, None)
    return {
        "count": found[f"{name}_count"],
        "mean": _seconds(found[f"{name}_mean"]),
        "p50": _seconds(half),
        "p90": _seconds(nine_tenths),
    }


def _on_hold(found: Found, present: Times) -> Found:
    times = {
        reason: (found[column] or 0) + present.get(reason, 0) for column, reason in HELD.items()
    }
    return {reason: _seconds(us) for reason, us in times.items() if us}


def _open_now(cells: Iterable[Found], ages: Mapping[int, int]) -> Found:
    bounds = enumerate(pairwise((0, *AGES_S, None)))
    return {
        "count": sum(ages.values()),
        "groups": list(cells),
        "ages": [{"from_s": a, "to_s": b, "count": ages.get(n, 0)} for n, (a, b) in bounds],
    }


def _seconds(microseconds: float | None) -> float | None:
    return None if microseconds is None else round(microseconds / 1_000_000, 6)
