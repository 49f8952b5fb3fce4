"""What no file of this project may hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.files import CHECKOUT, text_of, tracked_files

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")
# With classes of one letter, so that this file does not hold what it looks for.
INDEX = re.compile(
    r"pyp[i]\.|python[h]osted\.|--(extra-)?index-[u]rl[ =]+https?:",
    re.IGNORECASE,
)
PRAGMA = re.compile(r"#\s*pragm[a]\b", re.IGNORECASE)


def files_that_hold(pattern: re.Pattern[str], suffix: str = "") -> list[str]:
    return [
        str(path.relative_to(CHECKOUT))
        for path in tracked_files()
        if path.name.endswith(suffix) and pattern.search(text_of(path))
    ]


def test_no_file_names_a_package_index() -> None:
    assert files_that_hold(INDEX) == []


def test_no_line_is_taken_out_of_the_coverage_by_a_comment() -> None:
    assert files_that_hold(PRAGMA, ".py") == []


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    parent = re.escape(str(CHECKOUT.parent))
    # A checkout directly under the root, or in a usual place such as /tmp, proves nothing.
    if len(CHECKOUT.parts) < 3 or CHECKOUT.parts[1] in {"tmp", "usr", "var"}:
        pytest.skip("the checkout lies in a folder whose name is an ordinary word")
    assert files_that_hold(re.compile(rf"(?<![\w.]){parent}/")) == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_pins_every_version_with_hashes_and_holds_no_address(name: str) -> None:
    text = text_of(CHECKOUT / name)
    entries = text.replace("\\\n", " ").splitlines()
    assert entries
    assert "://" not in text
    assert [line for line in entries if not re.match(r"\S+==\S+ .*--hash=sha256:", line)] == []


def test_the_developers_lock_holds_every_pin_of_the_users() -> None:
    assert pins(CHECKOUT / LOCKS[0]) <= pins(CHECKOUT / LOCKS[1])


def pins(lock: Path) -> set[str]:
    return set(re.findall(r"^(\S+==\S+)", text_of(lock), re.MULTILINE))


@pytest.mark.parametrize("folder", ["read_model/migrations/*.sql", "docs/decisions/*.md"])
def test_no_number_is_given_twice(folder: str) -> None:
    numbers = [path.name[:4] for path in CHECKOUT.glob(folder)]
    assert numbers
    assert all(number.isdecimal() for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_no_migration_skips_a_number() -> None:
    numbers = sorted(int(path.name[:4]) for path in CHECKOUT.glob("read_model/migrations/*.sql"))
    assert numbers == list(range(1, len(numbers) + 1))
