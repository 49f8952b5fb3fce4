"""The same answers without a database, as the framework's own tutorial would write the routes.

Documents and items come from memory; the token is decoded by PyJWT in a dependency.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Response, WebSocket, WebSocketDisconnect
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel
from pydantic_core import from_json

from api.answers.incidents import IncidentPage
from api.serve import spare_the_collector
from tests.benchmarks.plain_push import LENGTH
from write_model.incident.commands import AddNote, DeclareIncident, DescribeIncident
from write_model.kernel.ids import new_id

KEY, KEPT = "PLAIN_KEY", "PLAIN_KEPT"
"""Environment variables: the tokens' key in hex, and the file with what is answered."""

_key = bytes.fromhex(os.environ.get(KEY, ""))
_documents: dict[UUID, bytes] = {}
_pages: list[IncidentPage] = []

# Off, as in the product.
app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
_bearer = OAuth2PasswordBearer(tokenUrl="token")


async def claims(token: Annotated[str, Depends(_bearer)]) -> dict[str, Any]:
    try:
        return jwt.decode(
            token, _key, algorithms=["HS256"], audience="tallystick", issuer="tallystick"
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error


Signed = Annotated[dict[str, Any], Depends(claims)]


@app.get("/v1/incidents")
async def incidents(signed: Signed, limit: int = 50) -> IncidentPage:
    return _pages[0]


@app.get("/v1/incidents/{id}")
async def incident(signed: Signed, id: UUID) -> Response:  # noqa: A002  # the path's own word
    if (document := _documents.get(id)) is None:
        raise HTTPException(404)
    return Response(document, media_type="application/json")


class Done(BaseModel):
    id: UUID
    reference: str
    version: int
    position: int


@app.post("/v1/incidents", status_code=201)
async def declare(signed: Signed, command: DeclareIncident) -> Done:
    return Done(id=new_id(), reference="INC-1", version=1, position=1)


@app.post("/v1/incidents/{id}/notes")
async def note(signed: Signed, id: UUID, command: AddNote) -> Done:  # noqa: A002  # as above
    return Done(id=id, reference="INC-1", version=2, position=2)


@app.post("/v1/incidents/{id}/describe")
async def describe(signed: Signed, id: UUID, command: DescribeIncident) -> Done:  # noqa: A002
    return Done(id=id, reference="INC-1", version=3, position=3)


_followers: list[WebSocket] = []


@app.websocket("/v1/stream")
async def stream(follower: WebSocket) -> None:
    await follower.accept()
    _followers.append(follower)
    try:
        while True:
            await follower.receive_text()
    except WebSocketDisconnect:
        _followers.remove(follower)


@app.post("/v1/said", status_code=204)
async def said(messages: int, per_s: float) -> None:
    """To one after another: who does not read keeps all others waiting."""
    for _ in range(messages):
        await asyncio.sleep(1 / per_s)
        for follower in _followers:
            await follower.send_text("x" * LENGTH)


def _keep(path: Path) -> None:
    kept = from_json(path.read_bytes())
    _documents.update({UUID(id_): text.encode() for id_, text in kept["documents"].items()})
    _pages.append(IncidentPage.model_validate_json(kept["page"]))


def main() -> None:
    if KEPT in os.environ:
        _keep(Path(os.environ[KEPT]))
    spare_the_collector()
    uvicorn.run(
        app,
        port=int(os.environ["TALLYSTICK_PORT"]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
    )
