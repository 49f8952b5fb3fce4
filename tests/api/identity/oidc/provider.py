"""A small identity provider on a real port: it does as the standards say, or as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode
from uuid import uuid4

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from write_model.kernel.clock import Clock

CLIENT, CLIENT_SECRET = "tallystick", "sand: and oil"
BACK = "https://desk.harbor.example/signed-in"

Sign = Callable[[dict[str, Any]], str]


@cache
def rsa_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


@dataclass
class Provider:
    """`tells` goes over what it says of a person; `signs`, if set, takes the place of its key.

    `packs`: it compresses what it says of itself, though it was asked not to.
    """

    issuer: str
    clock: Clock
    tells: dict[str, Any] = field(default_factory=dict[str, Any])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    signs: Sign | None = None
    packs: bool = False
    made_up_key: Mapping[str, Any] | None = None
    key: str = "first"
    keys: list[str] = field(default_factory=lambda: ["first"])
    asked: list[str] = field(default_factory=list[str])
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def app(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self._configuration),
            Route("/jwks", self._jwks),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _configuration(self, request: Request) -> Response:
        self.asked.append("configuration")
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
        }
        answer = JSONResponse(said | self.metadata)
        if self.packs and request.headers["Accept-Encoding"] == "identity":
            packed = {"Content-Encoding": "gzip"}
            return Response(gzip.compress(bytes(answer.body)), 200, packed, "application/json")
        return answer

    async def _jwks(self, request: Request) -> Response:
        self.asked.append("jwks")
        keys = [rsa_key(each).as_dict(private=False) for each in self.keys]
        return JSONResponse({"keys": [*([self.made_up_key] if self.made_up_key else []), *keys]})

    async def _authorize(self, request: Request) -> Response:
        """Whoever comes here has signed in here already."""
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["scope"] == "openid email"
        code = uuid4().hex
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        begun = self.codes.pop(form.get("code", ""), None)
        if begun is None or not self._is_client(request, form, begun):
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = sha256(form["code_verifier"].encode()).digest()
        if urlsafe_b64encode(digest).decode().rstrip("=") != begun["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        sign = self.signs or self.sign
        return JSONResponse({"access_token": "a", "id_token": sign(self._claims(begun))})

    def _is_client(self, request: Request, form: dict[str, str], begun: dict[str, str]) -> bool:
        basic = request.headers.get("Authorization", "").removeprefix("Basic ")
        pair = [unquote(part) for part in b64decode(basic).decode().split(":")]
        if not basic:
            pair = [form.get("client_id", ""), form.get("client_secret", "")]
        return pair == [CLIENT, CLIENT_SECRET] and form["redirect_uri"] == begun["redirect_uri"]

    def _claims(self, begun: dict[str, str]) -> dict[str, Any]:
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": begun["client_id"],
            "sub": "freya",
            "nonce": begun["nonce"],
            "iat": now,
            "exp": now + 300,
            "email_verified": True,
        }
        if "max_age" in begun:
            claims["auth_time"] = now
        told = {**claims, **self.tells}
        return {name: value for name, value in told.items() if value is not None}

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key}, claims, rsa_key(self.key))


@contextlib.asynccontextmanager
async def provider_on_a_port(clock: Clock) -> AsyncGenerator[Provider]:
    listening = socket.create_server(("127.0.0.1", 0))
    provider = Provider(f"http://127.0.0.1:{listening.getsockname()[1]}", clock)
    server = uvicorn.Server(uvicorn.Config(provider.app(), log_level="error"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        assert not task.done(), task.exception()
        await asyncio.sleep(0.01)
    try:
        yield provider
    finally:
        server.should_exit = True
        await task
