"""How often the projector's process looks for garbage that only a search can find."""

from __future__ import annotations

import gc


def spare_collector() -> None:
    """Seldom: rows and events are many and hold no cycles (searching took a third, measured)."""
    gc.set_threshold(200_000, 50, 100)
