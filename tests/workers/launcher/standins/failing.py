"""Says why and fails."""

from __future__ import annotations

import sys


def main() -> None:
    print("The forklift would not start.")
    sys.exit(3)
