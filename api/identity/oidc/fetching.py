"""Asks identity providers: nowhere that only this server can reach, and never for long."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Any
from uuid import UUID

import httpx2

from api.identity.oidc.lines import Lines
from api.identity.oidc.lookups import Address, Lookups

Network = IPv4Network | IPv6Network

_ANSWER_S = 5.0
"""Somebody looks at a page and waits."""
_AT_ONCE, _OF_ONE = 32, 4
"""Eight organizations, each with a provider that stays silent, would keep the others waiting."""
_LARGEST_BYTES = 256 * 1024
_PORTS = {"http": 80, "https": 443}


class NoAnswer(Exception):
    """The provider may not be asked, was not reached, or said what nobody understands."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """`inside`: networks that are not the world's where the operator lets providers lie.

    The name is looked up once, and what was looked at is what is asked: an address that changes
    between the two leads nowhere. No redirect is followed, and no proxy of the environment is used.
    It is asked `by` an organization, which waits behind its own requests long before it waits
    behind those of others.
    """

    inside: tuple[Network, ...] = ()
    answer_s: float = _ANSWER_S
    _lookups: Lookups = field(default_factory=Lookups)
    _lines: Lines = field(default_factory=lambda: Lines(_OF_ONE))
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def get(self, address: str, *, by: UUID) -> bytes:
        """Raises: NoAnswer, also for every status but 200."""
        status, content = await self._asked("GET", address, by)
        if status != HTTPStatus.OK:
            raise NoAnswer(f"status {status}")
        return content

    async def post(
        self, address: str, form: Mapping[str, str], headers: Mapping[str, str], *, by: UUID
    ) -> tuple[int, bytes]:
        """The status and what was said. Raises: NoAnswer."""
        return await self._asked("POST", address, by, headers, data=dict(form))

    async def _asked(
        self,
        method: str,
        address: str,
        by: UUID,
        headers: Mapping[str, str] | None = None,
        **parts: Any,
    ) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(self.answer_s), self._lines.of(by), self._turns:
                url = httpx2.URL(address)
                reached = url.copy_with(host=str(await self._reached(url, by)))
                told = {
                    **(headers or {}),
                    "Host": url.netloc.decode(),
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                }
                named = {"sni_hostname": url.host}
                async with (
                    httpx2.AsyncClient(verify=_trusted(), trust_env=False) as client,
                    client.stream(
                        method, reached, headers=told, extensions=named, **parts
                    ) as answer,
                ):
                    return answer.status_code, await _content(answer)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, LookupError, ValueError) as error:
            raise NoAnswer(type(error).__name__) from error

    async def _reached(self, url: httpx2.URL, by: UUID) -> Address:
        port = url.port or _PORTS[url.scheme]
        for address in await self._lookups.found(url.host, port, by=by):
            if self._may_be_asked(address, url.scheme):
                return address
        raise NoAnswer("no address that may be asked")

    def _may_be_asked(self, address: Address, scheme: str) -> bool:
        seen = (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
        is_inside = any(seen in network for network in self.inside)
        if scheme != "https":
            return is_inside and seen.is_loopback
        return is_inside or (seen.is_global and not seen.is_multicast)


async def _content(answer: httpx2.Response) -> bytes:
    # What is small on the way may be large unpacked: only what was received can be counted.
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer("packed")
    content = bytearray()
    async for part in answer.aiter_raw():
        content += part
        if len(content) > _LARGEST_BYTES:
            raise NoAnswer("too much")
    return bytes(content)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Whom this machine trusts: a provider of one's own house is added there."""
    return ssl.create_default_context()
