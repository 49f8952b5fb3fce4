"""The figures of several api processes are had from any of them, also while one is gone."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGKILL, SIGSTOP

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.stack import Stack, fresh_stack
from tests.embedded import until

ALL_UP = {"1": 1.0, "2": 1.0}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with fresh_stack("--workers", "2") as stack:
        yield stack


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    printed, _ = stack.operate("metrics-token").communicate()
    return printed.strip()


def series(stack: Stack, token: str, name: str) -> dict[str, float]:
    """Process -> value. Each time over a connection of its own, which any process may take."""
    bearer = {"Authorization": f"Bearer {token}"}
    answer = httpx2.get(f"{stack.url}/metrics", headers=bearer, timeout=5)
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    samples = (sample for family in families for sample in family.samples if sample.name == name)
    return {sample.labels["process"]: sample.value for sample in samples}


def up(stack: Stack, token: str) -> dict[str, float]:
    return series(stack, token, "tallystick_api_process_up")


@contextmanager
def standing_still(pid: int) -> Generator[None]:
    os.kill(pid, SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, SIGCONT)


def test_whichever_is_asked_tells_of_both(stack: Stack, token: str) -> None:
    until(lambda: up(stack, token) == ALL_UP, "both answer")
    until(lambda: all_tell_of_both(stack, token), "whoever is asked tells of both")


def all_tell_of_both(stack: Stack, token: str) -> bool:
    """On a busy machine one may miss the other now and then, but not each time.

    So many are asked in a row that not all are the same one, however often it is tried.
    """
    found = [series(stack, token, "process_start_time_seconds") for _ in range(20)]
    return found[0].keys() == ALL_UP.keys() and all(each == found[0] for each in found)


def test_one_that_hangs_is_named(stack: Stack, token: str) -> None:
    with standing_still(stack.services()["api-2"]):
        assert sorted(up(stack, token).values()) == [0.0, 1.0]
    until(lambda: up(stack, token) == ALL_UP, "it goes on")


def test_one_that_is_killed_is_named_until_it_is_back(stack: Stack, token: str) -> None:
    before = series(stack, token, "process_start_time_seconds")
    with standing_still(stack.process.pid):  # else another may be there before it is looked for
        os.kill(stack.services()["api"], SIGKILL)
        until(lambda: sorted(up(stack, token).values()) == [0.0, 1.0], "it is missed")
    until(lambda: up(stack, token) == ALL_UP, "another has taken its place")
    now = series(stack, token, "process_start_time_seconds")
    assert len(now.items() - before.items()) == 1
