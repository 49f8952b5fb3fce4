"""One line a command: its route, its text and its errors come from the command's class."""

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter
from pydantic_core import to_json

from api.admission import admitted
from api.bodies import parsed, raw_body
from api.callers import IMPORT, limited
from api.limits import COMMANDS
from api.openapi import describe_command
from api.process import Process, process
from api.promises import promises
from api.references import fields_that_name_records, ids_behind, record_id, reference
from api.request_headers import correlation
from write_model.kernel.access import Actor
from write_model.kernel.errors import DomainError, NotFound
from write_model.kernel.messages import Command, Receipt

C = TypeVar("C", bound=Command)

JSON = "application/json"

_UNCOUNTED = nullcontext()
_OBJECT = TypeAdapter(dict[str, Any])


def begin(router: APIRouter, path: str, command: type[Command]) -> None:
    """Take a command that starts a new record at POST `path`."""

    async def endpoint(request: Request) -> Response:
        return await _carried_out(request, command, _new_record)

    _add(router, path, command, endpoint)


def accept(router: APIRouter, path: str, command: type[Command]) -> None:
    """Take a command on one record at POST `/{id}` + `path`.

    Other names in the path, as in `/notes/{note}/retract`, are fields of the command.
    """
    fields = tuple(re.findall(r"{(\w+)}", path))
    must_exist = not command.model_fields.keys().isdisjoint({"source_key"})

    async def record(process_: Process, actor: Actor, request: Request) -> UUID:
        stream = await record_id(
            process_.write_model, actor.tenant, command.aggregate, request.path_params["id"]
        )
        if must_exist:  # It may begin a record too, but never one of the caller's own naming.
            await _must_exist(process_, actor, stream, command)
        return stream

    async def endpoint(request: Request) -> Response:
        return await _carried_out(request, command, record, fields)

    _add(router, "/{id}" + path, command, endpoint)


Named = Callable[[Process, Actor, Request], Awaitable[UUID | None]]


async def _new_record(process_: Process, actor: Actor, request: Request) -> None:
    """No stream yet: the door names it."""


async def _carried_out(
    request: Request, kind: type[Command], named: Named, fields: tuple[str, ...] = ()
) -> Response:
    at = process(request)
    async with admitted(request, may_import=True) as actor:
        in_path = {name: request.path_params[name] for name in fields}
        try:
            content = await raw_body(request)
            command = await _command(at, actor, kind, content, in_path)
            acting = _acting(actor, command)
        except DomainError:
            await _count_who_may_import(request, actor)
            raise
        with await _counted(at, request, acting):
            stream = await named(at, acting, request)
            receipt = await _handled(at, request, stream, command, acting, content)
    return done(receipt, kind.aggregate.prefix)


async def _command(
    at: Process, actor: Actor, kind: type[C], content: bytes, in_path: dict[str, str]
) -> C:
    records = fields_that_name_records(kind)
    if not (in_path or records):
        return parsed(content, kind.model_validate_json)
    given = parsed(content, _OBJECT.validate_json) | in_path
    found = await ids_behind(at.write_model, actor, given, records)
    # As JSON again, so that every value is read by the same rules wherever it came from.
    return parsed(to_json(given | found), kind.model_validate_json)


def _acting(actor: Actor, command: Command) -> Actor:
    """Only who may import stands for an old system's rows; a header alone makes nobody one."""
    if getattr(command, "imported", None) is None:
        return actor
    actor.must(IMPORT)
    return replace(actor, source="import")


async def _counted(at: Process, request: Request, actor: Actor) -> AbstractContextManager[None]:
    """An import's row is one of so many at once, whatever else its sender does of so many a minute.

    Raises: Overloaded; RateLimited.
    """
    if actor.source == "import":
        return at.budgets.imports.of(actor.tenant)
    await _count_who_may_import(request, actor)
    return _UNCOUNTED


async def _count_who_may_import(request: Request, actor: Actor) -> None:
    """He was not counted before his body was read, as all others are. Raises: RateLimited."""
    if actor.may(IMPORT):
        await limited(request, actor, COMMANDS)


async def _handled(
    at: Process,
    request: Request,
    stream: UUID | None,
    command: Command,
    actor: Actor,
    content: bytes,
) -> Receipt:
    key, expected = await promises(request, actor, content, begins=stream is None)
    related = correlation(request)
    if stream is None:
        return await at.write_model.start(command, by=actor, key=key, correlation=related)
    return await at.write_model.handle(
        stream, command, by=actor, expected=expected, key=key, correlation=related
    )


async def _must_exist(at: Process, actor: Actor, stream: UUID, command: type[Command]) -> None:
    _, version = await at.write_model.state(actor.tenant, stream, command.aggregate)
    if not version:
        raise NotFound


def done(receipt: Receipt, prefix: str) -> Response:
    """The answer to a command that was carried out, now or when it was sent first."""
    named = reference(prefix, receipt.number)
    number = "null" if named is None else f'"{named}"'
    body = (
        f'{{"id":"{receipt.stream}","reference":{number},'
        f'"version":{receipt.version},"position":{receipt.position}}}'
    )
    return answered(receipt, body.encode())


def answered(receipt: Receipt, body: bytes) -> Response:
    """The status and the headers that every command answers with."""
    return Response(body, 201 if receipt.created else 200, receipt_headers(receipt), JSON)


def receipt_headers(receipt: Receipt) -> dict[str, str]:
    """The version and the position after a command, and whether it was carried out before."""
    headers = {"ETag": f'"{receipt.version}"', "X-Position": str(receipt.position)}
    if receipt.replayed:
        headers["Idempotency-Replayed"] = "true"
    return headers


def _add(
    router: APIRouter,
    path: str,
    command: type[Command],
    endpoint: Callable[[Request], Awaitable[Response]],
) -> None:
    router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        name=f"{command.__name__}{path}",
        response_class=Response,
        response_model=None,
        openapi_extra=describe_command(command, begins=not path.startswith("/{id}")),
    )
