"""The launcher over the stand-ins: `python -m tests.workers.launcher.standins.run --home ...`."""

from __future__ import annotations

import os
import sys

from workers.launcher.launching import launch

HERE = __package__ or ""
MODULES = {
    name: f"{HERE}.{module}"
    for name, module in {"api": "web", "projector": "idle", "worker": "idle"}.items()
}

if __name__ == "__main__":
    migration = f"{HERE}.{os.environ.get('STANDIN_MIGRATION', 'migrate')}"
    sys.exit(launch(sys.argv[1:], modules=MODULES, migration=migration))
