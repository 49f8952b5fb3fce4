"""The first login, as its owner has left it: whole, damaged or taken away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeGuard


def read_first_login(path: Path) -> dict[str, Any] | None:
    """None when it was taken away, or tells no e-mail and password any more."""
    try:
        login = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return login if _is_whole(login) else None


def _is_whole(login: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(login, dict) and "email" in login and "password" in login
