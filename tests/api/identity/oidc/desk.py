"""The harbor's desk, where people sign in at the harbor's own provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from tests.api.identity.oidc.provider import BACK, CLIENT, CLIENT_SECRET, Provider
from tests.api.serving import Served, Somebody, told
from write_model.kernel.access import system_actor
from write_model.organization.commands import FoundOrganization


@dataclass
class Desk:
    served: Served
    provider: Provider
    owner: Somebody
    id: str

    def settings(self, **fields: Any) -> dict[str, Any]:
        return settings_of(self.provider, **fields)

    async def starts(self, who: Somebody | None = None) -> dict[str, Any]:
        """To sign in; to prove once more who he is, for who has signed in already."""
        if who is None:
            return told(await self.served.http.post(f"/v1/auth/oidc/{self.id}/start"))
        return told(await who.post(f"/v1/auth/reauthenticate/{self.id}/start"))

    async def comes_back(self, who: Somebody | None = None) -> dict[str, str]:
        """What the browser brings back from the provider, with what it has kept."""
        begun = await self.starts(who)
        async with httpx2.AsyncClient() as browser:
            answer = await browser.get(begun["address"])
        assert answer.status_code == 302, answer.text
        sent = urlsplit(answer.headers["Location"])
        assert sent._replace(query="").geturl() == BACK
        return {"flow": begun["flow"], **dict(parse_qsl(sent.query))}

    async def finishes(self, came: dict[str, str]) -> httpx2.Response:
        return await self.served.http.post(f"/v1/auth/oidc/{self.id}/callback", json=came)

    async def signs_in(self, **more: str) -> httpx2.Response:
        return await self.finishes({**await self.comes_back(), **more})

    async def proves(
        self, who: Somebody, came: dict[str, str] | None = None, **more: str
    ) -> httpx2.Response:
        came = came or await self.comes_back(who)
        return await who.post(f"/v1/auth/reauthenticate/{self.id}/callback", {**came, **more})

    async def is_told_of(self, who: Somebody, **claims: Any) -> None:
        """The provider tells of him from now on."""
        email = (await self.served.identity.people.emails([who.id]))[who.id]
        self.provider.tells = {"email": email, "sub": str(who.id), **claims}


def settings_of(provider: Provider, **fields: Any) -> dict[str, Any]:
    return {
        "name": "Harbor accounts",
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "redirect_addresses": [BACK],
        **fields,
    }


async def desk(served: Served, provider: Provider, owner: Somebody) -> Desk:
    """An owner has set the provider."""
    founding = FoundOrganization(name="Harbor Warehouses")
    await served.process.write_model.handle(owner.tenant, founding, by=system_actor(owner.tenant))
    setting = await owner.proven(served).post("/v1/identity-providers", settings_of(provider))
    assert setting.status_code == 201, setting.text
    return Desk(served, provider, owner, told(setting)["id"])
