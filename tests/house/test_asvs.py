"""The page on OWASP ASVS names every requirement once, and nothing that is not there."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from tests.house.files import CHECKOUT, text_of

LEVELS = CHECKOUT / "tests" / "house" / "asvs-5.0.0.txt"
"""The ids of levels 1 and 2, each with its level."""
PAGE = CHECKOUT / "docs" / "reference" / "asvs.md"
STATES = ("met", "in part", "not met", "deployment", "n/a")

_ROW = re.compile(r"\| (V[\d.]+) \| (\d) \| (.+?) \| (.+?) \| (.+?) \|")
_COUNT = re.compile(r"\| ([a-z/ ]+) \| (\d+) \|")
_NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|toml|lock))(?:::(\w+))?`|`(pyproject\.toml)`")
_LINK = re.compile(r"\]\(([\w./-]+)(?:#([\w-]+))?\)")


class Row(NamedTuple):
    id: str
    level: str
    title: str
    state: str
    evidence: str


def rows() -> list[Row]:
    return [Row(*found) for found in _ROW.findall(text_of(PAGE))]


def test_every_requirement_stands_there_once_with_its_level() -> None:
    expected = [tuple(line.split()) for line in text_of(LEVELS).splitlines()]
    assert [(row.id, row.level) for row in rows()] == expected


def test_each_is_met_or_it_is_said_why_not() -> None:
    assert {row.state for row in rows()} <= set(STATES)
    unproven = [row.id for row in rows() if row.state == "met" and not _names_something(row)]
    assert unproven == []


def _names_something(row: Row) -> bool:
    return bool(_NAMED.search(row.evidence) or _LINK.search(row.evidence) or "ruff" in row.evidence)


def test_the_sums_are_those_of_the_rows() -> None:
    told = {state: int(number) for state, number in _COUNT.findall(text_of(PAGE))}
    counted = Counter(row.state for row in rows())
    assert told == {state: counted[state] for state in STATES}


def test_every_file_and_test_that_is_named_exists() -> None:
    named = [found for row in rows() for found in _NAMED.findall(row.evidence)]
    assert len(named) > len(rows()) / 2
    missing = [
        f"{path}::{test}" for path, test, other in named if not _is_there(path or other, test)
    ]
    assert missing == []


def _is_there(path: str, test: str) -> bool:
    file = CHECKOUT / path
    if not file.is_file():
        return False
    return (
        not test or re.search(rf"^(?:async )?def {test}\(", text_of(file), re.MULTILINE) is not None
    )


def test_every_page_and_heading_that_is_linked_exists() -> None:
    linked = {found for row in rows() for found in _LINK.findall(row.evidence)}
    missing = [found for found in linked if not _has_heading(*found)]
    assert missing == []


def _has_heading(path: str, heading: str) -> bool:
    file = PAGE.parent / path
    if not file.is_file():
        return False
    headings = re.findall(r"^#+ (.+)$", text_of(file), re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
    return not heading or heading in slugs
