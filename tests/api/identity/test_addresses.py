"""What people can rely on whose requests come through a proxy."""

from ipaddress import ip_network
from itertools import count

import pytest

from api.identity.addresses import beyond
from tests.api.identity.guessing import answered_until_stopped
from tests.api.serving import serving
from write_model.kernel.settings import Settings

TRUSTED = [ip_network("10.0.0.5"), ip_network("10.1.0.0/16"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("10.0.0.5", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.5", ["192.0.2.1", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.5", ["192.0.2.1", "198.51.100.7", "10.1.2.3"], "198.51.100.7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.5", ["198.51.100.7"], "198.51.100.7"),
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("10.0.0.5", ["10.1.2.3"], "10.1.2.3"),
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", ["198.51.100.7", "unknown"], "10.0.0.5"),
        ("10.0.0.5", [""], "10.0.0.5"),
        ("", ["198.51.100.7"], ""),
    ],
)
def test_the_first_address_that_is_no_trusted_proxy_s_counts(
    peer: str, forwarded: list[str], found: str
) -> None:
    assert beyond(TRUSTED, peer, forwarded) == found


@pytest.mark.parametrize(
    ("trusted", "status"), [((ip_network("127.0.0.1"),), 401), ((), 429)], ids=["named", "nobody"]
)
async def test_behind_a_named_proxy_each_client_has_guesses_of_his_own(
    trusted: tuple[object, ...], status: int, settings: Settings
) -> None:
    settings = settings.model_copy(update={"trusted_proxies": trusted})
    numbers = count()
    async with serving(settings) as served:

        async def guess(address: str = "198.51.100.7") -> int:
            body = {"refresh_token": f"made up {next(numbers)}"}
            headers = {"X-Forwarded-For": f"192.0.2.1, {address}"}
            path = "/v1/auth/refresh"
            return (await served.http.post(path, json=body, headers=headers)).status_code

        await answered_until_stopped(guess)
        assert await guess("198.51.100.8") == status
