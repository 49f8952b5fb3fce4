"""The start script: plain POSIX sh, clear when it cannot help, free of cost the second time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.files import CHECKOUT

START = CHECKOUT / "tallystick"
TOOLS = ("cat", "cksum", "dirname", "rm", "sed", "sh", "tail")


def tools_without_python(folder: Path) -> Path:
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


def test_every_script_is_valid_for_a_plain_shell() -> None:
    for script in (START, CHECKOUT / ".ci" / "run", *(CHECKOUT / "scripts").iterdir()):
        subprocess.run(["sh", "-n", script], check=True)


def test_without_a_suitable_python_it_says_what_to_install(tmp_path: Path) -> None:
    told = subprocess.run(
        [START, "up"],
        env={"PATH": str(tools_without_python(tmp_path)), "TALLYSTICK_VENV": f"{tmp_path}/venv"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert "needs Python 3.11 or newer" in told.stderr


def test_the_second_time_costs_less_than_half_a_second() -> None:
    environment = Path(sys.prefix)
    if not (environment / "tallystick-synced").exists():
        pytest.skip("this environment was not made by the start script")
    run_without_effect(environment)
    before_s = spent_s()
    run_without_effect(environment)
    assert spent_s() - before_s < 0.5


def run_without_effect(environment: Path) -> None:
    # An argument that the launcher refuses at once: what is left is the script's own work.
    subprocess.run(
        [START, "up", "--port", "none"],
        env={"PATH": os.environ["PATH"], "TALLYSTICK_VENV": str(environment)},
        capture_output=True,
        check=False,
    )


def spent_s() -> float:
    """CPU time of this process's children, which a busy machine does not stretch."""
    spent = os.times()
    return spent.children_user + spent.children_system
