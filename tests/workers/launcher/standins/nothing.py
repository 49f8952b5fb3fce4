"""Has nothing to do."""

from __future__ import annotations


def main() -> None:
    """Done."""
