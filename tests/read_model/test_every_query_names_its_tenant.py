"""The first wall between organizations: every query asks for one tenant, in its own text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

QUERIES = Path(__file__).parents[2] / "read_model" / "queries"


def selects(path: Path) -> Iterator[str]:
    """The SQL texts of a module that read a table."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if "SELECT" in text and ("FROM {" in text or "JOIN {" in text):
                yield text


def texts() -> list[str]:
    return [text for path in sorted(QUERIES.glob("*.py")) for text in selects(path)]


def test_there_are_queries_to_check() -> None:
    assert len(texts()) >= 8


@pytest.mark.parametrize("text", texts())
def test_every_table_that_is_read_is_narrowed_to_the_tenant(text: str) -> None:
    assert text.count("tenant_id = %(tenant)s") == text.count("FROM {") + text.count("JOIN {")


def test_no_query_names_a_table_beside_those_of_its_module() -> None:
    for text in texts():
        plain = text.replace("FROM projections.checkpoint", "")
        assert "FROM projections." not in plain
        assert "FROM log." not in plain
