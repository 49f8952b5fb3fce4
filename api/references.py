"""Ids as people write them: a UUID, or a reference such as INC-42."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeGuard
from uuid import UUID

from api.within_teams import must_be_of_his_teams
from write_model.application import WriteModel
from write_model.incident.incident import INCIDENT
from write_model.kernel.access import Actor
from write_model.kernel.errors import NotFound
from write_model.kernel.messages import Aggregate, Command, RecordOf

_UUID_CHARACTERS = 36
_PREFIXES = {INCIDENT.name: INCIDENT.prefix}
_REFERRED_TO = frozenset(_PREFIXES.values())
"""Whose references stand in addresses."""
_REFERENCE = re.compile(r"([A-Z]{2,5})-([1-9]\d{0,17})")


async def record_id(write_model: WriteModel, tenant: UUID, kind: Aggregate, text: str) -> UUID:
    """The record that `text` names.

    Raises: NotFound.
    """
    if len(text) == _UUID_CHARACTERS:
        return _uuid(text)
    named = _REFERENCE.fullmatch(text.upper())
    if named is None or named.group(1) != kind.prefix:
        raise NotFound
    found = await write_model.stream_of(tenant, kind.name, int(named.group(2)))
    if found is None:
        raise NotFound
    return found


async def known_to(write_model: WriteModel, actor: Actor, kind: Aggregate, text: str) -> UUID:
    """The same for who may be bound to teams: of others he is told as of none.

    Raises: NotFound.
    """
    found = await record_id(write_model, actor.tenant, kind, text)
    if actor.teams is not None:
        state, _ = await write_model.state(actor.tenant, found, kind)
        must_be_of_his_teams(actor, state.team)
    return found


@cache
def fields_that_name_records(command: type[Command]) -> Mapping[str, Aggregate]:
    """Field -> the kind of record whose id it holds."""
    return {
        name: mark.kind
        for name, field in command.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, RecordOf)
    }


async def ids_behind(
    write_model: WriteModel, actor: Actor, given: Mapping[str, Any], kinds: Mapping[str, Aggregate]
) -> dict[str, UUID]:
    """Field -> id, for every field that holds a reference; what holds none is judged as an id.

    Raises: NotFound.
    """
    references = {name: text for name in kinds if _is_reference(text := given.get(name))}
    return {
        name: await _referred_to(write_model, actor, kinds[name], text)
        for name, text in references.items()
    }


async def _referred_to(write_model: WriteModel, actor: Actor, kind: Aggregate, text: str) -> UUID:
    try:
        return await known_to(write_model, actor, kind, text)
    except NotFound as error:
        raise NotFound(
            f"There is no {kind.name} {text}; give the id or reference of one."
        ) from error


def _is_reference(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _REFERENCE.fullmatch(value.upper()) is not None


def spelled(text: str) -> str | None:
    """An id or a reference in its one spelling; None for whatever else stands in its place."""
    if (named := _REFERENCE.fullmatch(text.upper())) and named.group(1) in _REFERRED_TO:
        return reference(named.group(1), int(named.group(2)))
    try:
        return str(_uuid(text)) if len(text) == _UUID_CHARACTERS else None
    except NotFound:
        return None


def reference_of(topic: str, number: int) -> str | None:
    """Of the record that an event of this topic belongs to; None for kinds that have none."""
    return (
        reference(_PREFIXES[kind], number) if (kind := topic.split(".")[0]) in _PREFIXES else None
    )


def reference(prefix: str, number: int | None) -> str | None:
    return None if number is None else f"{prefix}-{number}"


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound from error
