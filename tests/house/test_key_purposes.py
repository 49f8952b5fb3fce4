"""Every key that derives from the master secret is on the page that says what it is for."""

from __future__ import annotations

import re

from tests.house.files import CHECKOUT, text_of

_PURPOSE = re.compile(r'(?:\.key|_keyed)\(\s*"([\w-]+)"')
_OURS = ("api", "projections", "read_model", "workers", "write_model")


def test_every_purpose_of_a_key_is_told_with_its_algorithm() -> None:
    sources = [path for folder in _OURS for path in (CHECKOUT / folder).rglob("*.py")]
    purposes = {name for path in sources for name in _PURPOSE.findall(text_of(path))}
    assert {"tokens", "people"} <= purposes
    page = text_of(CHECKOUT / "docs" / "reference" / "protection.md")
    assert sorted(name for name in purposes if f"`{name}`" not in page) == []
