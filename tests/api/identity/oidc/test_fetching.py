from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from api.identity.oidc.fetching import Fetching, NoAnswer
from tests.api.identity.oidc.provider import Provider
from tests.identity import HARBOR, QUARRY

LOOPBACK = ip_network("127.0.0.0/8")


def says_of_itself(provider: Provider) -> str:
    return f"{provider.issuer}/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/",
        "https://127.0.0.1:1/",
        "https://localhost:1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]:1/",
        "https://[::ffff:10.1.2.3]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "http://93.184.215.14/",
        "ftp://93.184.215.14/",
        "https:///",
    ],
)
async def test_nobody_is_asked_whom_only_this_server_reaches(address: str) -> None:
    with pytest.raises(NoAnswer):
        await Fetching().get(address, by=HARBOR)


async def test_in_the_clear_only_this_machine_is_asked() -> None:
    with pytest.raises(NoAnswer, match="no address"):
        await Fetching((ip_network("10.0.0.0/8"),)).get("http://10.1.2.3/", by=HARBOR)


async def test_a_redirect_is_not_followed(provider: Provider) -> None:
    asked = "response_type=code&code_challenge_method=S256&scope=openid+email&state=s&redirect_uri="
    inside = Fetching((LOOPBACK,))
    with pytest.raises(NoAnswer, match="302"):
        await inside.get(f"{provider.issuer}/authorize?{asked}{provider.issuer}/jwks", by=HARBOR)
    assert provider.asked == []


async def test_only_so_much_is_read(provider: Provider) -> None:
    provider.metadata = {"padding": "x" * 300_000}
    with pytest.raises(NoAnswer, match="too much"):
        await Fetching((LOOPBACK,)).get(says_of_itself(provider), by=HARBOR)


async def test_what_comes_packed_is_not_unpacked(provider: Provider) -> None:
    """A few kilobytes could become gigabytes before anybody has counted them."""
    provider.packs = True
    with pytest.raises(NoAnswer, match="packed"):
        await Fetching((LOOPBACK,)).get(says_of_itself(provider), by=HARBOR)
    assert provider.asked == ["configuration"], "asked for it unpacked, and sent it packed"


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """What listens there takes connections, and says nothing on them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


async def test_a_silent_provider_keeps_only_its_own_organization_waiting(
    provider: Provider, silent: socket.socket
) -> None:
    fetching, loop = Fetching((LOOPBACK,)), asyncio.get_running_loop()
    address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    waiting = [asyncio.create_task(fetching.get(address, by=HARBOR)) for _ in range(40)]
    held = [(await loop.sock_accept(silent))[0] for _ in range(4)]
    assert b"issuer" in await fetching.get(says_of_itself(provider), by=QUARRY)
    with pytest.raises(BlockingIOError):
        silent.accept()
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    for connection in held:
        connection.close()
    assert b"issuer" in await fetching.get(says_of_itself(provider), by=HARBOR)


async def test_names_that_nobody_can_look_up_keep_only_their_own_organization_waiting(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's resolver goes on for as long as it likes, though nobody waits for it."""
    look_up, is_over = socket.getaddrinfo, threading.Event()

    def slow(host: str, *rest: Any, **named: Any) -> Any:
        if host == "slow.example":
            is_over.wait()
            raise socket.gaierror
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    patient = Fetching((LOOPBACK,))
    hasty = replace(patient, answer_s=0.01)
    try:
        for _ in range(20):
            asked = [hasty.get("https://slow.example/", by=HARBOR) for _ in range(4)]
            said = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(each) for each in said] == [NoAnswer] * 4
        assert b"issuer" in await patient.get(says_of_itself(provider), by=QUARRY)
        assert await asyncio.to_thread(len, "oil") == 3, "nor does anything else of the process"
    finally:
        is_over.set()
