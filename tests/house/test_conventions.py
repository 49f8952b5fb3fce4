"""Conventions that no tool checks."""

from __future__ import annotations

import ast

from tests.house.files import CHECKOUT, text_of, tracked_files


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    modules = [path for path in tracked_files() if path.match("*.py") and not path.match("test_*")]
    silent = [path for path in modules if not ast.get_docstring(ast.parse(text_of(path)))]
    assert [str(path.relative_to(CHECKOUT)) for path in silent] == []
