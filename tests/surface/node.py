"""The tools that run on Node, installed once beside the Python environment."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALLED = Path(sys.prefix) / "tallystick-node"

_LISTED = ("package.json", "package-lock.json", ".npmrc")
_OLDEST = 20


def node_tools() -> Path:
    """The folder of their programs; skips the test where there is no Node, or nothing comes."""
    if (reason := _no_node()) is not None:
        pytest.skip(reason)
    INSTALLED.mkdir(exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install()
    return INSTALLED / "node_modules" / ".bin"


def run(program: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What one of them says; it asks nobody for news and tells nobody what it does."""
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
    command = [str(node_tools() / program), *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **quiet}, capture_output=True, text=True, check=False
    )


def _no_node() -> str | None:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return f"needs Node {_OLDEST} or newer with npm"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.removeprefix("v").partition(".")[0]) < _OLDEST:
        return f"needs Node {_OLDEST} or newer, and this is {version.strip()}"
    return None


def _install() -> None:
    wanted = "".join((HERE / name).read_text() for name in _LISTED)
    stamp = INSTALLED / "stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    for name in _LISTED:
        shutil.copy(HERE / name, INSTALLED / name)
    command = ["npm", "ci", "--ignore-scripts"]
    done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install the tools: {done.stderr[-300:]}")
    stamp.write_text(wanted)
