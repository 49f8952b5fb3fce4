"""Whichever api process is asked for its figures answers for all, and names those that do not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.exposition import merged
from api.siblings import Siblings
from tests.api.serving import Served, serving
from tests.api.test_trouble import cut_off
from tests.awake import awake
from tests.embedded import Database, private_folder
from tests.house.files import CHECKOUT
from write_model.kernel.settings import Settings

TELLS = """
import asyncio, pathlib, sys
from api.siblings import Siblings

async def main():
    siblings = Siblings(pathlib.Path(sys.argv[1]), wanted=2)
    async with siblings.told(lambda: siblings.place.encode()):
        print("told", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
Series = dict[tuple[str, str], float]
"""Sample and process -> value; what routes it is about is summed."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with private_folder() as folder:
        yield folder


@pytest.fixture
def others_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lives is heard, however late a stalled machine lets him answer."""
    monkeypatch.setattr("api.siblings._ANSWER_S", 10.0)


@contextmanager
def another(folder: Path) -> Generator[subprocess.Popen[bytes]]:
    """Another process that tells its number."""
    argv = [sys.executable, "-c", TELLS, str(folder)]
    with subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"told\n"
        try:
            yield process
        finally:
            process.kill()


async def told(served: Served) -> Series:
    bearer = {"Authorization": f"Bearer {served.process.metrics_token}"}
    answer = await served.http.get("/metrics", headers=bearer)
    assert answer.status_code == 200, answer.text
    found: Series = defaultdict(float)
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            name = sample.name.removeprefix("tallystick_")
            found[name, sample.labels.get("process", "")] += sample.value
    return found


@pytest.mark.usefixtures("others_answer")
async def test_each_tells_for_both_and_says_whose_a_figure_is(settings: Settings) -> None:
    settings = settings.model_copy(update={"api_processes": 2})
    async with serving(settings) as one:
        async with serving(settings) as two:
            assert [each.process.siblings.place for each in (one, two)] == ["1", "2"]
            for _ in range(3):
                await two.http.get("/livez")
            for served in (one, two):
                found = await told(served)
                up = [found["api_process_up", place] for place in ("1", "2")]
                assert (up, found["api_processes_wanted", ""]) == ([1, 1], 2)
                assert found["process_cpu_seconds_total", "1"] > 0
                requests = [found["http_request_seconds_count", place] for place in ("1", "2")]
                assert requests == ([0, 3] if served is one else [1, 3])
        found = await told(one)
    assert ("api_process_up", "2") not in found
    assert list(settings.sockets().glob("api-*.sock")) == []


@pytest.mark.usefixtures("others_answer")
async def test_a_killed_one_is_missed_until_another_runs_in_its_stead(folder: Path) -> None:
    siblings = Siblings(folder, wanted=2)
    async with siblings.told(bytes):
        with another(folder) as killed:
            assert await siblings.ask() == {"2": b"2"}
            killed.kill()
            killed.wait()
            assert await siblings.ask() == {"2": None}
        with another(folder):
            assert await siblings.ask() == {"2": b"2"}


@pytest.mark.usefixtures("others_answer")
async def test_one_too_many_that_was_killed_is_not_missed(folder: Path) -> None:
    siblings = Siblings(folder, wanted=2)
    async with siblings.told(bytes):
        with another(folder), another(folder) as killed:
            killed.kill()
            killed.wait()
            assert await siblings.ask() == {"2": b"2"}
            assert not (folder / "api-3.sock").exists()


async def test_one_that_hangs_is_named_soon_and_goes_on_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    siblings = Siblings(folder, wanted=1)
    async with siblings.told(bytes):
        with another(folder) as hung:
            os.kill(hung.pid, signal.SIGSTOP)
            async with awake() as passed_s:
                assert await siblings.ask() == {"2": None}
                assert passed_s() < 2
            os.kill(hung.pid, signal.SIGCONT)
            monkeypatch.setattr("api.siblings._ANSWER_S", 10.0)
            assert await siblings.ask() == {"2": b"2"}


@pytest.mark.usefixtures("others_answer")
async def test_half_a_word_is_none(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dying:
        dying.bind(str(folder / "api-7.sock"))
        dying.listen()

        def tell_half() -> None:
            connection, _ = dying.accept()
            connection.sendall(b"# HELP tallystick_forklifts")
            connection.close()

        thread = threading.Thread(target=tell_half)
        thread.start()
        assert await Siblings(folder, wanted=2).ask() == {"7": None}
        thread.join()


async def test_where_there_is_no_folder_one_is_alone(folder: Path) -> None:
    siblings = Siblings(folder / "nowhere", wanted=2)
    async with siblings.told(bytes):
        assert (siblings.place, await siblings.ask()) == ("1", {})


def test_a_family_of_several_stands_once_with_all_its_series() -> None:
    head = b"# HELP oil Litres, \\n lost.\n# TYPE oil gauge\n"
    tyres = b"# HELP tyres Flat ones.\n# TYPE tyres gauge\n"
    found = merged([head + b'oil{process="1"} 2\n' + tyres, head + b'oil{process="2"} 3\n'])
    assert found == head + b'oil{process="1"} 2\noil{process="2"} 3\n' + tyres


async def test_without_the_database_a_process_still_tells_of_itself(
    served: Served, database: Database
) -> None:
    assert (await told(served))["database_answers", ""] == 1
    cut_off(database)
    found = await told(served)
    assert (found["database_answers", ""], found["api_process_up", "1"]) == (0, 1)
    assert found["process_resident_memory_bytes", "1"] > 0
    assert ("log_position", "") not in found
