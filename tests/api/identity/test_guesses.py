"""What stops whoever guesses: in one process, in several, and with Redis stopped."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from api.identity.guesses import Guesses
from tests.api.serving import PASSWORD, Served, Somebody, serving, told
from tests.identity import ToldTime
from write_model.kernel.errors import RateLimited
from write_model.kernel.settings import Settings

FREYA = {"email": "freya@harbor.example", "name": "Freya Lind", "roles": ["viewer"]}


async def signs_in(served: Served, password: str) -> httpx2.Response:
    body = {"email": FREYA["email"], "password": password}
    return await served.http.post("/v1/auth/token", json=body)


async def test_two_processes_count_the_guesses_together(
    served: Served, settings: Settings, owner: Somebody
) -> None:
    await served.joins(owner, FREYA)
    async with serving(settings) as other:
        for number in range(10):
            answer = await signs_in((served, other)[number % 2], "a guess")
            assert answer.status_code == 401
        for each in (served, other):
            stopped = await signs_in(each, PASSWORD)
            assert (stopped.status_code, told(stopped)["code"]) == (429, "rate_limited")
            assert 0 < int(stopped.headers["Retry-After"]) <= 90


async def test_signing_in_gives_the_guesses_back_everywhere(
    served: Served, settings: Settings, owner: Somebody
) -> None:
    await served.joins(owner, FREYA)
    async with serving(settings) as other:
        for _ in range(3):
            for number in range(8):
                await signs_in((served, other)[number % 2], "a typo")
            for each in (served, other):
                assert (await signs_in(each, PASSWORD)).status_code == 200


async def test_without_redis_each_process_counts_for_itself_and_lets_nobody_wait_for_good() -> None:
    clock = ToldTime()
    guesses = Guesses(None, bytes(32), clock)
    for _ in range(10):
        await guesses.guess_at(b"freya")
    with pytest.raises(RateLimited) as stopped:
        await guesses.guess_at(b"freya")
    await guesses.guess_at(b"inge")
    clock.passes(timedelta(seconds=stopped.value.retry_after_s))
    await guesses.guess_at(b"freya")
    await guesses.right(b"freya")
    await guesses.guess_at(b"freya")


async def test_bad_refresh_tokens_are_counted_and_good_ones_are_not(
    served: Served, owner: Somebody
) -> None:
    await served.joins(owner, FREYA)
    token = told(await signs_in(served, PASSWORD))["refresh_token"]
    tries = 0
    while True:
        bad = await served.http.post("/v1/auth/refresh", json={"refresh_token": f"tsr_{tries}"})
        if bad.status_code != 401:
            break
        tries += 1
    assert (bad.status_code, tries >= 90) == (429, True)
    good = await served.http.post("/v1/auth/refresh", json={"refresh_token": token})
    assert good.status_code == 200


ALIKE = ("2001:db8:0:7::1", "2001:db8:0:7:ffff::2", "2001:0DB8:0:7::3%eth0")


async def test_whoever_has_a_network_of_ipv6_has_the_guesses_of_one_address() -> None:
    guesses = Guesses(None, bytes(32), ToldTime())
    for number in range(100):
        await guesses.come_from(ALIKE[number % 3])
        await guesses.show_a_bad_key(ALIKE[number % 3])
    for each in ALIKE:
        with pytest.raises(RateLimited):
            await guesses.come_from(each)
        with pytest.raises(RateLimited):
            await guesses.show_a_bad_key(each)
    await guesses.come_from("2001:db8:0:8::1")
