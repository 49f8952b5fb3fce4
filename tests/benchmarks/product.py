"""The product's own processes on a benchmark's server, and somebody who may use them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from uuid import UUID

from api.identity.composition import identity
from tests.benchmarks.server import BenchServer
from tests.house.files import CHECKOUT
from tests.identity import QUICK
from write_model.accounts import Accounts, NewMember
from write_model.kernel.access import Role, system_actor
from write_model.kernel.clock import wall_clock
from write_model.kernel.passwords import Passwords
from write_model.kernel.settings import Settings
from write_model.kernel.tokens import AccessTokens
from write_model.opening import Opened


def environment(server: BenchServer) -> Mapping[str, str]:
    """How our processes find the server."""
    settings = server.settings
    return {
        "TALLYSTICK_HOME": str(settings.home),
        "TALLYSTICK_SOCKET_FOLDER": str(settings.sockets()),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
    }


@contextmanager
def projecting(server: BenchServer) -> Generator[None]:
    """The projector in a process of its own, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.projector"],
        cwd=CHECKOUT,
        env={**os.environ, **environment(server)},
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def accounts(parts: Opened) -> Accounts:
    people = identity(
        parts.write_model,
        parts.pool,
        parts.keyring,
        parts.master,
        clock=parts.clock,
        ids=parts.ids,
        passwords=Passwords(QUICK),
    )
    return people.accounts


async def joined(parts: Opened, tenant: UUID, *roles: Role) -> UUID:
    """A new member of the organization."""
    member = NewMember("Ada Forklift", f"ada@{tenant}.example", frozenset(roles))
    added = await accounts(parts).join(member, "a long password", by=system_actor(tenant))
    return added.subject


def token(settings: Settings, subject: UUID, tenant: UUID) -> str:
    """Good for ten minutes."""
    return AccessTokens(settings.master_secret(), wall_clock).issue(subject, tenant)


def get(token: str, path: str, **headers: str) -> bytes:
    """The bytes of a request to read; `If_None_Match=` is a header."""
    return request(token, "GET", path, b"", **headers)


def request(token: str, method: str, path: str, content: bytes = b"", **headers: str) -> bytes:
    """The bytes of a request, ready to be sent to whatever port of this machine."""
    named = {"Host": "127.0.0.1", "Authorization": f"Bearer {token}", **headers}
    if content:
        named |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines = (f"{name.replace('_', '-')}: {value}" for name, value in named.items())
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + content
