"""What every test may ask for, and which tests are left out."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as properties

from read_model.migrating import migrate
from tests.embedded import (
    LOGIN_ROLES,
    MASTER_SECRET,
    Database,
    Server,
    memory_with_room,
    password,
    private_folder,
    running_postgres,
    running_valkey,
)
from workers.embedded.valkey import Cache
from write_model.kernel.settings import Settings

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
_LEFT_OUT = "exhaustive: `./tallystick test --all` runs it"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the exhaustive tests too")


def pytest_configure(config: pytest.Config) -> None:
    """Properties take what time a busy machine lets them have, and the same examples in each run.

    New examples are looked for where all is run.
    """
    properties.register_profile(
        "here",
        deadline=None,
        derandomize=not config.getoption("--all"),
        suppress_health_check=[HealthCheck.too_slow],
    )
    properties.load_profile("here")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all"):
        return
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker(pytest.mark.skip(reason=_LEFT_OUT))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = sum(_LEFT_OUT in str(report.longrepr) for report in skipped)
    if left_out:
        terminalreporter.write_line(f"{left_out} tests were left out: {_LEFT_OUT}.")
    for report in terminalreporter.stats.get("passed", []):
        for _, figure in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {figure}")


@pytest.fixture(scope="session")
def sockets() -> Iterator[Path]:
    """The folder of this test process's servers."""
    with private_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(sockets: Path, pytestconfig: pytest.Config) -> Iterator[Server]:
    """One server per test process; the schema is made once, in its template."""
    prepare = partial(migrate, passwords={role: password(role) for role in LOGIN_ROLES})
    # The exhaustive tests fill gigabytes.
    where = None if pytestconfig.getoption("--all") else memory_with_room()
    with running_postgres(sockets, prepare, data_within=where) as server:
        yield server


@pytest.fixture
def database(postgres: Server) -> Iterator[Database]:
    """A database with the present schema and nothing in it."""
    with postgres.database() as database:
        yield database


@pytest.fixture(scope="session")
def valkey_server(sockets: Path) -> Iterator[Cache]:
    with running_valkey(sockets) as cache:
        yield cache


@pytest.fixture
def patience_with_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stalled machine answers late is kept all the same: else nobody asks for a second."""
    monkeypatch.setattr("read_model.cache._ANSWER_S", 20.0)


@pytest.fixture
def valkey(valkey_server: Cache, patience_with_redis: None) -> str:
    """The URL of an empty Valkey, which is waited for however slow it is."""
    assert valkey_server.ask(b"FLUSHALL").startswith(b"+OK")
    return f"unix://{valkey_server.socket}"


@pytest.fixture
def settings(database: Database, valkey: str, tmp_path: Path) -> Settings:
    """Settings of a product that runs on this test's database, and on `valkey`."""
    (tmp_path / "secrets").write_bytes(base64.urlsafe_b64encode(MASTER_SECRET) + b"\n")
    return Settings(
        home=tmp_path,
        socket_folder=database.sockets,
        database_name=database.name,
        # No test waits for clients of its own that have nothing more to ask.
        drain_idle_s=0.2,
        # What was written is shown late where the machine is busy, and must not be called stale.
        read_wait_s=10.0,
        # Nor is the log's tail lost because a machine stands still; who wants it lost says so.
        tail_trust_s=30.0,
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real incident log."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real incident log is not beside this checkout (../shared/data)")
    return SHARED_DATA
