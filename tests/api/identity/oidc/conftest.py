"""Every test here has a provider of its own, which the server may ask on loopback."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from ipaddress import ip_network

import pytest

from tests.api.identity.oidc.desk import Desk, desk
from tests.api.identity.oidc.provider import Provider, provider_on_a_port
from tests.api.serving import Served, Somebody, serving
from write_model.kernel.access import Role
from write_model.kernel.clock import wall_clock
from write_model.kernel.settings import Settings


@pytest.fixture
async def provider() -> AsyncGenerator[Provider]:
    async with provider_on_a_port(wall_clock) as provider:
        yield provider


@pytest.fixture
async def served(settings: Settings) -> AsyncGenerator[Served]:
    inside = {"identity_provider_networks": (ip_network("127.0.0.0/8"),)}
    async with serving(settings.model_copy(update=inside)) as served:
        yield served


@pytest.fixture
async def harbor(served: Served, provider: Provider, owner: Somebody) -> Desk:
    return await desk(served, provider, owner)


@pytest.fixture
async def freya(served: Served, harbor: Desk) -> Somebody:
    """A responder of the harbor, of whom its provider tells."""
    freya = await served.somebody(Role.RESPONDER, tenant=harbor.owner.tenant)
    await harbor.is_told_of(freya)
    return freya
