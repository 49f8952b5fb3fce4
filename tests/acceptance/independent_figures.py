"""A second opinion on figures: what they must be, computed one by one from the events' JSON alone.

It imports nothing of the product on purpose: whole microseconds and fractions, no database, and no
document of the product's. docs/reference/metrics.md is what it follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any, cast

from tests.acceptance.independent_fold import Document, Event, fold

US = timedelta(microseconds=1)
ENDED = ("resolved", "closed", "dismissed", "cancelled", "merged")
AGES_S = (0, 3_600, 86_400, 259_200, 604_800, 2_592_000, 7_776_000, None)

Json = dict[str, Any]
Hold = tuple[str, datetime, datetime | None]
"""Its reason, when it began, and when it ended."""


@dataclass
class Life:
    """One incident: what was measured of it, in microseconds, and what it says in the end."""

    opened: datetime
    document: Document
    acknowledged: int | None = None
    resolved: int | None = None
    holds: list[Hold] = field(default_factory=list[Hold])


def lives(events: Iterable[Event]) -> list[Life]:
    told = [event for event in events if event["type"].startswith("incident.")]
    documents, found = fold(told), dict[str, Life]()
    for event in told:
        id_, at = str(event["stream"]), event["occurred_at"]
        life = found.setdefault(id_, Life(at, documents[id_]))
        _live(life, event["type"].partition(".")[2], event, (at - life.opened) // US)
    return list(found.values())


def _live(life: Life, kind: str, event: Event, since_opened: int) -> None:
    if kind == "acknowledged" and life.acknowledged is None:
        life.acknowledged = since_opened
    if kind == "resolved":
        life.resolved = since_opened
    if kind == "reopened":
        life.resolved = None
    if kind in ENDS_HOLD and life.holds and life.holds[-1][2] is None:
        reason, began, _ = life.holds.pop()
        life.holds.append((reason, began, event["occurred_at"]))
    if kind == "put_on_hold":
        life.holds.append((event["data"]["reason"], event["occurred_at"], None))


ENDS_HOLD = frozenset(
    [
        "put_on_hold",
        "resumed",
        "released",
        "resolved",
        "cancelled",
        "merged",
        "acknowledged",
        "mitigated",
        "closed",
        "reopened",
        "dismissed",
        "declared",
        "reported",
    ]
)
"""All that gives an incident another status, whether or not it is allowed on hold."""


def items(
    of: Iterable[Life], at: datetime, interval: str, group_by: str, **narrowed: str
) -> list[Json]:
    """`narrowed`: fields that must have this value."""
    grouped: dict[tuple[str | None, Any], list[Life]] = {}
    for life in of:
        if all(life.document[name] == value for name, value in narrowed.items()):
            group = None if group_by == "none" else life.document[group_by]
            grouped.setdefault((_begin(life.opened, interval), group), []).append(life)
    order = sorted(grouped, key=lambda key: (key[0] or "", key[1] is not None, key[1] or ""))
    return [_item(since, group, grouped[since, group], at) for since, group in order]


def _begin(opened: datetime, interval: str) -> str | None:
    day = opened.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "none":
        return None
    if interval == "week":
        day -= timedelta(days=day.weekday())
    if interval == "month":
        day = day.replace(day=1)
    return day.strftime("%Y-%m-%dT%H:%M:%SZ")


def _item(since: str | None, group: Any, of: Sequence[Life], at: datetime) -> Json:
    reopened = sum(life.document["reopened"] > 0 for life in of)
    ever = sum(life.document["reopened"] > 0 or life.resolved is not None for life in of)
    return {
        "since": since,
        "group": group,
        "opened": len(of),
        "resolved": sum(life.resolved is not None for life in of),
        "closed": sum(life.document["status"] == "closed" for life in of),
        "reopened": reopened,
        "reopen_rate": reopened / ever if ever else None,
        "time_to_acknowledge": _span([life.acknowledged for life in of]),
        "time_to_resolve": _span([life.resolved for life in of]),
        "on_hold": _on_hold(of, at),
    }


def _span(of: Iterable[int | None]) -> Json:
    values = sorted(value for value in of if value is not None)
    mean = Fraction(sum(values), len(values)) if values else None
    half, nine = (_percentile(values, Fraction(tenths, 10)) for tenths in (5, 9))
    told = {"mean": mean, "p50": half, "p90": nine}
    return {"count": len(values)} | {name: _seconds(value) for name, value in told.items()}


def _percentile(values: Sequence[int], share: Fraction) -> Fraction | None:
    """Between the two values that stand around the share of the way from the first to the last."""
    if not values:
        return None
    place = share * (len(values) - 1)
    lower, upper = values[floor(place)], values[min(floor(place) + 1, len(values) - 1)]
    return lower + (place - floor(place)) * (upper - lower)


def _on_hold(of: Iterable[Life], at: datetime) -> Json:
    total = Counter[str]()
    for life in of:
        for reason, began, ended in life.holds:
            total[reason] += ((ended or at) - began) // US
    return {reason: us / 1_000_000 for reason, us in total.items() if us}


def _seconds(microseconds: Fraction | None) -> float | None:
    return None if microseconds is None else float(microseconds / 1_000_000)


def open_now(of: Iterable[Life], at: datetime, **narrowed: str) -> Json:
    left = [
        life
        for life in of
        if life.document["status"] not in ENDED
        and all(life.document[name] == value for name, value in narrowed.items())
    ]
    groups = Counter((life.document["severity"], life.document["team"]) for life in left)
    ages = [Fraction((at - life.opened) // US, 1_000_000) for life in left]
    return {
        "count": len(left),
        "groups": {(s, team): count for (s, team), count in groups.items()},
        "ages": [
            {"from_s": a, "to_s": b, "count": sum(_is_between(a, age, b) for age in ages)}
            for a, b in pairwise(AGES_S)
        ],
    }


def _is_between(least: int | None, age: Fraction, less: int | None) -> bool:
    """What was opened later than it is now is as young as can be."""
    return (not least or least <= age) and (less is None or age < less)


def differences(told: Mapping[str, Any], expected: Sequence[Json], left: Json) -> list[Any]:
    """Where an answer is not what it must be; [] when it is, spans to the microsecond."""
    groups = {
        (each["severity"], each["team"]): each["count"] for each in told["open_now"]["groups"]
    }
    pairs = [
        (len(told["items"]), len(expected)),
        (told["open_now"] | {"groups": groups}, left),
        *zip(told["items"], expected, strict=False),
    ]
    return [pair for pair in pairs if not _alike(*pair)]


def _alike(told: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        members = cast("Json", expected)
        is_same = told.keys() == members.keys()
        return is_same and all(_alike(told[name], each) for name, each in members.items())
    if isinstance(expected, float):
        return isinstance(told, float) and abs(told - expected) < 0.000_001
    return bool(told == expected)
