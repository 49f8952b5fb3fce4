"""A saved source file is noticed."""

from __future__ import annotations

import threading
from pathlib import Path

from workers.launcher.reloading import watch_sources


def test_a_saved_source_file_is_told_and_another_file_is_not(tmp_path: Path) -> None:
    told, ended = threading.Event(), threading.Event()
    following = watch_sources(told.set, until=ended, folders=[tmp_path])
    (tmp_path / "notes.txt").write_text("The forklift leaks oil.")
    assert not told.wait(0.3)
    # Written again until it is seen: the watching itself begins at an unknown moment.
    while not told.wait(0.1):
        (tmp_path / "incident.py").write_text("SEVERITY = 1")
    ended.set()
    following.join(10)
    assert not following.is_alive()
