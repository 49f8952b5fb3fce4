"""Words are the same whatever their case, their composition and the signs around them."""

from __future__ import annotations

import pytest

from read_model.words import folded


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Gate 4", "gate 4"),
        ("ÖLWECHSEL", "o\u0308lwechsel"),
        ("Straße", "STRASSE"),
        ("ﬁre", "FIRE"),
        ("“oil”", " oil "),
        ("oil—leak", "oil leak"),
        ("漏油", "漏油"),
    ],
)
def test_words_that_mean_the_same_are_the_same(text: str, same: str) -> None:
    assert folded(text) == folded(same)
