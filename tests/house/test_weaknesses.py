"""A published weakness of a library is told, and fails when the days that we promise are over."""

from __future__ import annotations

from datetime import date, timedelta

from tests.house.weaknesses import (
    Report,
    days_to_mend,
    known_here,
    overdue,
    report_of,
    unjudged,
    was_checked,
)

SINCE = date(2026, 3, 2)
WEAK: Report = {
    "dependencies": [
        {"name": "forklift", "version": "1.0", "vulns": []},
        {
            "name": "hydraulics",
            "version": "7.2",
            "vulns": [{"id": "OIL-7", "fix_versions": ["7.3"], "aliases": []}],
        },
        {"name": "truck", "skip_reason": "nobody knows it"},
    ]
}
UNKNOWN: Report = {"dependencies": [{"name": "truck", "skip_reason": "nobody knows it"}]}


def test_the_days_are_those_that_we_promise() -> None:
    assert days_to_mend() == {"critical": 7, "high": 14, "medium": 30, "low": 90}


def test_one_that_nobody_has_looked_at_is_told_with_what_to_do() -> None:
    assert list(overdue(WEAK, {}, SINCE)) == []
    [told] = unjudged(WEAK, {})
    assert told.startswith("hydraulics 7.2 has OIL-7, mended in 7.3. Take that by scripts/lock")


def test_one_that_was_looked_at_is_due_when_the_days_of_its_severity_are_over() -> None:
    known = {"OIL-7": {"severity": "high", "since": SINCE}}
    last = SINCE + timedelta(days=14)
    assert list(unjudged(WEAK, known)) == []
    assert list(overdue(WEAK, known, last)) == []
    [told] = overdue(WEAK, known, last + timedelta(days=1))
    assert "was to be done by 2026-03-16" in told


def test_where_nobody_answers_nothing_counts_as_checked() -> None:
    assert was_checked(WEAK)
    assert not was_checked(UNKNOWN)
    assert report_of("Traceback (most recent call last): no route to host") is None


def test_what_is_named_as_known_says_how_severe_and_since_when() -> None:
    for known in known_here().values():
        assert known["severity"] in days_to_mend()
        assert isinstance(known["since"], date)
