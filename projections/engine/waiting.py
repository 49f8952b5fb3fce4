"""How long the projector waits before it asks again for new events."""

from __future__ import annotations

BUSY_S = 0.005
"""A reader who waits for what he just wrote sees it after half of this in the median."""

IDLE_S = 0.25
"""Four questions a second cost 0.1 % of a core (measured)."""

CROWDED_S = 0.012
"""An import's events come in batches twice as large then, at two thirds of the CPU (measured)."""

_CROWD = 8
_FADES_OVER = 200


def pause_after(silence_s: float, *, events: int) -> float:
    """A two-hundredth of the silence so far: 5 ms for the first second, 250 ms after 50 s.

    A person who works clicks within seconds, so his reads stay quick; at night it costs nothing.
    `events`: how many came at once the last time; many come more cheaply together.
    """
    if events >= _CROWD:
        return CROWDED_S
    return min(IDLE_S, max(BUSY_S, silence_s / _FADES_OVER))
