"""Waits for a signal."""

from __future__ import annotations

import signal


def main() -> None:
    signal.pause()
