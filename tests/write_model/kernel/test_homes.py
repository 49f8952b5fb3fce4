"""Where the data lies by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from write_model.kernel.homes import default_home, local_url
from write_model.kernel.settings import Settings


def test_root_keeps_data_with_the_system_and_others_with_their_own() -> None:
    assert default_home({}, as_root=True) == Path("/var/lib/tallystick")
    assert default_home({"XDG_DATA_HOME": "/data"}, as_root=False) == Path("/data/tallystick")
    assert default_home({}, as_root=False) == Path("~/.local/share/tallystick").expanduser()


def test_the_launcher_and_the_other_commands_mean_the_same_home() -> None:
    assert Settings().home == default_home()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8400"),
        ("10.0.0.7", "http://10.0.0.7:8400"),
        ("warehouse.example", "http://warehouse.example:8400"),
        ("0.0.0.0", "http://127.0.0.1:8400"),  # noqa: S104  # nothing listens
        ("::", "http://[::1]:8400"),
        ("::1", "http://[::1]:8400"),
    ],
)
def test_a_server_that_listens_everywhere_is_reached_by_loopback(host: str, url: str) -> None:
    assert local_url(host, 8400) == url
