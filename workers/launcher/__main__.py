"""`tallystick up`: runs everything on this machine until Ctrl-C."""

from __future__ import annotations

import sys

from workers.launcher.launching import launch

if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
