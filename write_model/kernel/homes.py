"""Where the data lies when nobody says; the standard library only, for the launcher asks too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_OF_ROOT = Path("/var/lib/tallystick")


def default_home(
    environment: Mapping[str, str] = os.environ, *, as_root: bool | None = None
) -> Path:
    """The system's folder for root, else the user's own (XDG Base Directory 0.8)."""
    if as_root if as_root is not None else os.geteuid() == 0:
        return _OF_ROOT
    data = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "tallystick"
