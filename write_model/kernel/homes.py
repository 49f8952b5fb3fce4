"""Where data and server lie on this machine; the standard library only, for the launcher asks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
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


def local_url(host: str, port: int) -> str:
    """How this machine's programs reach a server that listens at `host`."""
    reached = reachable(host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def reachable(host: str) -> str:
    """`host` itself; the loopback address of its kind where it means every address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
