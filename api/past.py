"""Reads as of an earlier moment: when, which events lead there, and the record after them."""

from __future__ import annotations

from fastapi import Request

from api.process import Process
from api.references import record_id
from projections.as_of import Stood, folded
from projections.engine.log import recorded_of
from projections.engine.projection import Primary
from projections.times import rfc3339
from read_model.queries.asking import time_in
from write_model.kernel.access import Actor
from write_model.kernel.errors import Invalid, NotFound
from write_model.kernel.messages import Aggregate

MOMENTS = ("as_of", "version")
"""The parameters that ask for an earlier moment."""


def is_of_the_past(request: Request) -> bool:
    return any(name in request.query_params for name in MOMENTS)


async def as_it_was(
    at: Process, request: Request, actor: Actor, primary: Primary, kind: Aggregate
) -> tuple[Stood, bool]:
    """The record as it was then, and whether something of it could not be applied.

    Raises: Invalid; NotFound where there was no such record or there is no such version.
    """
    until = await _until(at, request, actor)
    stream = await record_id(at.write_model, actor.tenant, kind, request.path_params["id"])
    past = await at.questions.pasts.of(actor.tenant, [stream], primary.topics, **until)
    if past.version < until.get("version", 0):
        raise _no_such_version(until["version"], past.version)
    stood = folded(primary, recorded_of(past.rows))
    if stood is None:
        began = await at.questions.pasts.began(actor.tenant, stream, primary.topics)
        if began is None or past.version:
            raise NotFound
        raise NotFound(f"There was no such record yet; it began at {rfc3339(began)}.")
    return stood, stood.last.version < past.version


async def _until(at: Process, request: Request, actor: Actor) -> dict[str, int]:
    """As what is asked for limits the events."""
    asked = {name: request.query_params[name] for name in MOMENTS if name in request.query_params}
    if len(asked) > 1:
        raise Invalid("Give as_of or version, not both.", field="version")
    if "version" in asked:
        return {"version": _version(asked["version"])}
    time = time_in(asked["as_of"], "as_of")
    return {"position": await at.questions.pasts.reached(actor.tenant, time)}


def _version(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not int(text):
        raise Invalid("A version is a whole number from 1 on.", field="version")
    return int(text)


def _no_such_version(asked: int, present: int) -> NotFound:
    if not present:
        return NotFound()
    return NotFound(f"There is no version {asked} yet; the record is at version {present}.")
