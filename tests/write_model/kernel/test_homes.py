"""Where the data lies by default."""

from __future__ import annotations

from pathlib import Path

from write_model.kernel.homes import default_home
from write_model.kernel.settings import Settings


def test_root_keeps_data_with_the_system_and_others_with_their_own() -> None:
    assert default_home({}, as_root=True) == Path("/var/lib/tallystick")
    assert default_home({"XDG_DATA_HOME": "/data"}, as_root=False) == Path("/data/tallystick")
    assert default_home({}, as_root=False) == Path("~/.local/share/tallystick").expanduser()


def test_the_launcher_and_the_other_commands_mean_the_same_home() -> None:
    assert Settings().home == default_home()
