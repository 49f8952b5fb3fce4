"""How long the projector waits before it asks again."""

from __future__ import annotations

import pytest

from projections.engine.waiting import pause_after


@pytest.mark.parametrize(
    ("silence_s", "pause_s"), [(0, 0.005), (2, 0.005), (20, 0.05), (100, 0.25), (9_000, 0.25)]
)
def test_the_longer_nothing_happens_the_longer_the_pause(silence_s: float, pause_s: float) -> None:
    assert pause_after(silence_s) == pytest.approx(pause_s)
