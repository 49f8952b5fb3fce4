"""Who may import whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.house.files import CHECKOUT


def test_the_import_contracts_are_kept() -> None:
    tool = Path(sys.executable).parent / "lint-imports"
    told = subprocess.run(
        [tool, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_launcher_needs_the_standard_library_only() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import workers.launcher.launching;"
        "print(*{name.partition('.')[0] for name in sys.modules}"
        " - set(sys.stdlib_module_names) - {'__main__', 'workers', 'write_model'})"
    )
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == []
