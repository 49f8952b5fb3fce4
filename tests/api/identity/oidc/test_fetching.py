from __future__ import annotations

from ipaddress import ip_network

import pytest

from api.identity.oidc.fetching import Fetching, NoAnswer
from tests.api.identity.oidc.provider import Provider

LOOPBACK = ip_network("127.0.0.0/8")


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
        await Fetching().get(address)


async def test_in_the_clear_only_this_machine_is_asked() -> None:
    with pytest.raises(NoAnswer, match="no address"):
        await Fetching((ip_network("10.0.0.0/8"),)).get("http://10.1.2.3/")


async def test_a_redirect_is_not_followed(provider: Provider) -> None:
    asked = "response_type=code&code_challenge_method=S256&scope=openid+email&state=s&redirect_uri="
    inside = Fetching((LOOPBACK,))
    with pytest.raises(NoAnswer, match="302"):
        await inside.get(f"{provider.issuer}/authorize?{asked}{provider.issuer}/jwks")
    assert provider.asked == []


async def test_only_so_much_is_read(provider: Provider) -> None:
    provider.metadata = {"padding": "x" * 300_000}
    with pytest.raises(NoAnswer, match="too much"):
        await Fetching((LOOPBACK,)).get(f"{provider.issuer}/.well-known/openid-configuration")


async def test_what_comes_packed_is_not_unpacked(provider: Provider) -> None:
    """A few kilobytes could become gigabytes before anybody has counted them."""
    provider.packs = True
    with pytest.raises(NoAnswer, match="packed"):
        await Fetching((LOOPBACK,)).get(f"{provider.issuer}/.well-known/openid-configuration")
    assert provider.asked == ["configuration"], "asked for it unpacked, and sent it packed"
