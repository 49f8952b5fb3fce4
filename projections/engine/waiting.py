"""How long the projector waits before it asks again for new events."""

from __future__ import annotations

BUSY_S = 0.001
"""A reader who waits for what he just wrote sees it after half of this in the median."""

IDLE_S = 0.25
"""Four questions a second cost 0.1 % of a core (measured)."""

CROWDED_S = 0.012
"""An import's events come in batches twice as large then, at two thirds of the CPU (measured)."""

_EACH_S = 0.0005
"""Up to some 1,500 events a second less than one comes in this time, so that a batch which happened
to be large is followed by shorter pauses again; beyond, they grow to the longest."""

_FADES_OVER = 200


def pause_after(silence_s: float, *, events: int) -> float:
    """After `events` that came at once some time for each: many come more cheaply together.

    Else a two-hundredth of the silence so far: 5 ms after a second, 250 ms after 50 s. A person who
    works clicks within seconds, so his reads stay quick; at night it costs nothing.
    """
    if events:
        return min(CROWDED_S, max(BUSY_S, events * _EACH_S))
    return min(IDLE_S, max(BUSY_S, silence_s / _FADES_OVER))
