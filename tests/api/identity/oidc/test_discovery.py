from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from api.identity.oidc.discovery import Discovery
from api.identity.oidc.fetching import Fetching, NoAnswer
from tests.api.identity.oidc.provider import Provider, rsa_key
from tests.identity import HARBOR, ToldTime


@pytest.fixture
def clock() -> ToldTime:
    return ToldTime()


@pytest.fixture
def discovery(clock: ToldTime) -> Discovery:
    return Discovery(Fetching((ip_network("127.0.0.0/8"),)), clock)


async def test_a_new_key_is_asked_for_at_most_every_half_minute(
    discovery: Discovery, provider: Provider, clock: ToldTime
) -> None:
    metadata = await discovery.metadata(provider.issuer, by=HARBOR)
    assert await discovery.key(metadata, "first", by=HARBOR) is not None
    provider.keys = ["second", "third"]
    clock.passes(timedelta(seconds=29))
    assert await discovery.key(metadata, "second", by=HARBOR) is None
    clock.passes(timedelta(seconds=1))
    assert await discovery.key(metadata, "second", by=HARBOR) is not None
    assert await discovery.key(metadata, "first", by=HARBOR) is None, "it was withdrawn"
    assert provider.asked == ["configuration", "jwks", "jwks"]


async def test_a_token_that_names_no_key_is_read_with_the_only_one(
    discovery: Discovery, provider: Provider, clock: ToldTime
) -> None:
    metadata = await discovery.metadata(provider.issuer, by=HARBOR)
    assert await discovery.key(metadata, None, by=HARBOR) == await discovery.key(
        metadata, "first", by=HARBOR
    )
    provider.keys = ["first", "second"]
    clock.passes(timedelta(minutes=15))
    assert await discovery.key(metadata, None, by=HARBOR) is None


@pytest.mark.parametrize(
    "made",
    [
        {"kid": ["first"]},
        {"kid": {"first": 1}},
        {"kty": ["RSA"]},
        {"kty": 7},
        {"n": 7},
        {"n": ""},
        {"n": "oil and sand"},
        {"e": "A" * 9_999},
        {"key_ops": 7},
        {"use": ["sig"]},
        {"alg": {}},
    ],
    ids=str,
)
async def test_a_key_that_is_none_is_passed_over(
    discovery: Discovery, provider: Provider, made: dict[str, Any]
) -> None:
    provider.made_up_key = rsa_key("second").as_dict(private=False) | made
    metadata = await discovery.metadata(provider.issuer, by=HARBOR)
    assert await discovery.key(metadata, "first", by=HARBOR) is not None


async def test_what_a_provider_says_of_itself_is_believed_for_a_quarter_of_an_hour(
    discovery: Discovery, provider: Provider, clock: ToldTime
) -> None:
    for minutes in (0, 14, 1):
        clock.passes(timedelta(minutes=minutes))
        await discovery.metadata(provider.issuer, by=HARBOR)
    assert provider.asked == ["configuration"] * 2


@pytest.mark.parametrize(
    "said",
    [{"issuer": "https://another.example"}, {"token_endpoint": "file:///etc/passwd"}],
)
async def test_who_calls_himself_otherwise_is_not_the_provider(
    discovery: Discovery, provider: Provider, said: dict[str, str]
) -> None:
    provider.metadata = said
    with pytest.raises(NoAnswer):
        await discovery.metadata(provider.issuer, by=HARBOR)
