"""The master secret may be given to a stack, so that it does not lie in the home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from tests.embedded import until
from tests.workers.launcher.launched import READY, Launched
from write_model.kernel.settings import APP, CACHE, Settings

Launcher = Callable[..., Launched]


def test_a_secret_from_the_environment_is_written_nowhere(launcher: Launcher) -> None:
    secret = token_urlsafe(32)
    launched = launcher(TALLYSTICK_SECRET=secret)
    said = launched.until(READY)
    assert not (launched.home / "secrets").exists()
    assert secret not in said
    assert secret not in "".join(path.read_text() for path in launched.home.glob("logs/*"))
    arguments = (Path(f"/proc/{pid}/cmdline") for pid in launched.services().values())
    assert not any(secret in path.read_text() for path in arguments)


def test_a_database_whose_secret_is_missing_is_not_given_another(launcher: Launcher) -> None:
    secret = token_urlsafe(32)
    first = launcher(TALLYSTICK_SECRET=secret)
    first.until(READY)
    first.end()
    without = launcher()
    assert "is missing. Put it into TALLYSTICK_SECRET, or bring " in without.rest()
    assert without.process.wait(30) == 1
    launcher(TALLYSTICK_SECRET=secret).until(READY)


def test_another_secret_than_the_one_in_the_home_is_refused(launcher: Launcher) -> None:
    first = launcher()
    first.until(READY)
    first.end()
    secret = token_urlsafe(32)
    second = launcher(TALLYSTICK_SECRET=secret)
    said = second.rest()
    assert said.startswith("tallystick: TALLYSTICK_SECRET and ")
    assert "hold different secrets" in said
    assert secret not in said
    assert second.process.wait(30) == 1


def test_a_secret_that_is_too_short_is_refused(launcher: Launcher) -> None:
    launched = launcher(TALLYSTICK_SECRET="oil")
    assert "tallystick: TALLYSTICK_SECRET must hold 32 bytes in base64." in launched.rest()
    assert launched.process.wait(30) == 1


def test_a_secret_from_a_mounted_file_is_handed_to_the_services_and_written_nowhere(
    launcher: Launcher, tmp_path: Path
) -> None:
    """The launcher's account alone can read it: root's, where root has started it."""
    secret = token_urlsafe(32)
    mounted = tmp_path / "secret"
    mounted.touch(mode=0o600)
    mounted.write_text(f"{secret}\n")
    launched = launcher(TALLYSTICK_SECRET_FILE=str(mounted))
    said = launched.until(READY)
    assert secret not in said
    assert not (launched.home / "secrets").exists()
    until(lambda: bool(launched.answer()), "the services have it")


def test_what_the_services_say_to_the_servers_is_another_at_every_start(launcher: Launcher) -> None:
    said: list[str] = []
    for _ in range(2):
        launched = launcher()
        launched.until(READY)
        settings = Settings(home=launched.home)
        said += [settings.database_password(APP), settings.cache_url()]
        arguments = [Path(f"/proc/{pid}/cmdline") for pid in launched.services().values()]
        shown = "".join(path.read_text() for path in arguments)
        assert settings.database_password(CACHE) not in shown
        launched.end()
    assert len(set(said)) == 4


def test_the_cache_answers_only_who_knows_its_password(launcher: Launcher) -> None:
    launched = launcher()
    launched.until(READY)
    settings = Settings(home=launched.home)
    until(lambda: (settings.sockets() / "valkey.sock").exists(), "Valkey is there")
    with Redis.from_url(settings.cache_url()) as known:  # pyright: ignore[reportUnknownMemberType]
        assert known.ping()  # pyright: ignore[reportUnknownMemberType]
    socket = str(settings.sockets() / "valkey.sock")
    with Redis(unix_socket_path=socket) as nobody, pytest.raises(AuthenticationError):
        nobody.ping()  # pyright: ignore[reportUnknownMemberType]
