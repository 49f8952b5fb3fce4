"""The real app on a real port, and a client who may do things there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx2
from fastapi import FastAPI
from pydantic_core import from_json, to_json

from api.identity.identity import Identity
from api.process import Process
from api.serve import Server, server
from write_model.accounts import NewMember
from write_model.kernel.access import Role, system_actor
from write_model.kernel.ids import new_id
from write_model.kernel.settings import Settings

LEAK = {"title": "The forklift leaks oil", "severity": "sev3", "team": "warehouse"}
FAR_AWAY = datetime(2096, 3, 2, tzinfo=UTC)
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""A connection on which every byte can be seen."""
PASSWORD = "a long enough password"


@dataclass(frozen=True, slots=True)
class Somebody:
    """A signed-in member: asks with his token."""

    http: httpx2.AsyncClient
    id: UUID
    tenant: UUID
    token: str

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.http.get(path, headers=self._headers(headers))

    async def is_let_in(self, path: str = "/v1/me") -> bool:
        status = (await self.get(path)).status_code
        assert status in (200, 401, 403)
        return status == 200

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        return await self.http.post(path, json=body or {}, headers=self._headers(headers))

    async def delete(self, path: str, **headers: str) -> httpx2.Response:
        return await self.http.delete(path, headers=self._headers(headers))

    async def send(self, path: str, content: bytes, **headers: str) -> httpx2.Response:
        return await self.http.post(path, content=content, headers=self._headers(headers))

    def proven(self, served: Served) -> Somebody:
        """The same, who has just proven once more who he is."""
        tokens = served.identity.access_tokens
        return replace(self, token=tokens.issue(self.id, self.tenant, is_proof=True))

    async def declares(self, **fields: Any) -> dict[str, Any]:
        answer = await self.post("/v1/incidents", LEAK | fields)
        assert answer.status_code == 201, answer.text
        return told(answer)

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"Authorization": f"Bearer {self.token}"} | named


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, and who can be made to use it."""

    http: httpx2.AsyncClient
    server: Server
    process: Process
    port: int

    @property
    def identity(self) -> Identity:
        return self.process.identity

    async def somebody(
        self, *roles: Role, tenant: UUID | None = None, teams: frozenset[str] | None = None
    ) -> Somebody:
        """A member with these roles; of a new organization when none is named."""
        tenant = tenant or new_id()
        subject, accounts = new_id(), self.identity.accounts
        until = FAR_AWAY if Role.EXTERNAL_AUDITOR in roles else None
        member = NewMember("Ada Forklift", f"{subject}@example.com", frozenset(roles), until, teams)
        joined = await accounts.join(member, PASSWORD, by=system_actor(tenant))
        await accounts.settle(joined)
        token = self.identity.access_tokens.issue(joined.subject, tenant)
        return Somebody(self.http, joined.subject, tenant, token)

    async def joins(self, by: Somebody, member: dict[str, Any]) -> dict[str, Any]:
        """Who was asked in and has accepted with `PASSWORD`."""
        invited = await by.post("/v1/invitations", member)
        assert invited.status_code == 201, invited.text
        body = {"token": told(invited)["token"], "password": PASSWORD}
        accepted = await self.http.post("/v1/auth/invitation", json=body)
        assert accepted.status_code == 200, accepted.text
        return told(accepted)

    async def keep_login(self, file: Path) -> None:
        """Have a new commander's login in a file, as the first start of a server leaves one."""
        accounts, email = self.identity.accounts, "ada@example.com"
        member = NewMember("Ada Forklift", email, frozenset({Role.INCIDENT_COMMANDER}))
        await accounts.settle(await accounts.join(member, PASSWORD, by=system_actor(new_id())))
        login = {"url": f"http://127.0.0.1:{self.port}", "email": email, "password": PASSWORD}
        await asyncio.to_thread(file.write_bytes, to_json(login))


@contextlib.asynccontextmanager
async def serving(settings: Settings, running: Server | None = None) -> AsyncGenerator[Served]:
    """Serve until the block ends, which drains as SIGTERM does."""
    listening = socket.create_server(("127.0.0.1", 0))
    # asyncio sets this only on sockets of its own; without it every answer waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port: int = listening.getsockname()[1]
    running = running or server(settings)
    task = asyncio.create_task(running.serve(sockets=[listening]))
    while not running.started:
        assert not task.done(), task.exception()
        await asyncio.sleep(0.01)
    app = cast("FastAPI", running.config.app)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            yield Served(http, running, app.state.process, port)
    finally:
        running.should_exit = True
        await task


async def soon(asked: Callable[[], Awaitable[httpx2.Response]], status: int) -> None:
    """Ask until it is answered with this, which takes a second or, on a busy machine, some."""
    async with asyncio.timeout(20):
        while (await asked()).status_code != status:
            pass


def told(answer: httpx2.Response) -> dict[str, Any]:
    content: dict[str, Any] = from_json(answer.content)
    return content
