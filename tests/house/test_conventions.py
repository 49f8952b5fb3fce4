"""Conventions that no tool checks."""

from __future__ import annotations

import ast

import pytest
from hypothesis import settings

from tests.house.files import CHECKOUT, text_of, tracked_files


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    modules = [path for path in tracked_files() if path.match("*.py") and not path.match("test_*")]
    trees = {path: ast.parse(text_of(path)) for path in modules}
    silent = [path for path, tree in trees.items() if tree.body and not ast.get_docstring(tree)]
    assert [str(path.relative_to(CHECKOUT)) for path in silent] == []


def test_a_property_fails_by_no_clock_and_in_a_usual_run_by_no_dice(
    pytestconfig: pytest.Config,
) -> None:
    of_each = settings()
    assert of_each.deadline is None
    assert of_each.derandomize is not pytestconfig.getoption("--all")
