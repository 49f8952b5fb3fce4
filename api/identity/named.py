"""Routes for people who are named in records, whether or not they sign in."""

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import to_json

from api.accesses import shown
from api.admission import admitted
from api.answers.people import NamedPeople, WhoWasNamed
from api.callers import caller
from api.commands import answered
from api.identity.describing import KEYED_ERRORS, describe_body
from api.identity.promised import promised
from api.openapi import IDEMPOTENCY_KEY, answers, describe_query
from api.process import process
from api.reads import only
from write_model.accounts import Listed, NamedPerson
from write_model.kernel.errors import Invalid
from write_model.kernel.texts import PersonName
from write_model.membership.commands import ListPerson

router = APIRouter(prefix="/v1/people", tags=["People"])

SourceKey = Annotated[str, StringConstraints(max_length=200)]
Ids = Annotated[str, Query(max_length=40_000, description="Subject ids, with commas.")]

_AT_ONCE = 1_000
_IDS = TypeAdapter(list[UUID])


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: PersonName
    """It is kept sealed."""
    source: SourceKey = ""
    """Where the person is known from, such as an older system."""
    source_key: SourceKey = ""
    """What the source calls the person; the same one is one person."""


class People(BaseModel):
    """One person by `name`, or up to 1,000 under `people`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: PersonName | None = None
    """It is kept sealed."""
    source: SourceKey = ""
    """Where the person is known from, such as an older system."""
    source_key: SourceKey = ""
    """What the source calls the person; the same one is one person."""
    people: Annotated[list[Person], Field(min_length=1, max_length=_AT_ONCE)] | None = None
    """Several at once."""

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        if (self.name is None) is (self.people is None):
            raise ValueError("Give either a name or people.")
        return self

    def all(self) -> list[NamedPerson]:
        one = self.name and [NamedPerson(self.name, self.source, self.source_key)]
        many = [NamedPerson(it.name, it.source, it.source_key) for it in self.people or ()]
        return one or many


@router.post(
    "",
    status_code=201,
    openapi_extra=describe_body(
        ListPerson.permission,
        People,
        IDEMPOTENCY_KEY,
        responses=answers(WhoWasNamed, 200, 201),
        errors=KEYED_ERRORS,
    ),
)
async def list_people(request: Request) -> Response:
    """Name a person, or up to 1,000 under `people`, so that records can speak of them.

    With a `source_key` the same person always gets the same id: a repetition answers 200. With an
    `Idempotency-Key` all of them are named or none.
    """
    identity = process(request).identity
    async with admitted(request, ListPerson.permission) as actor:
        asked, key, _ = await promised(request, actor, People, begins=True)
        people = asked.all()
        listed = await identity.accounts.list_people(people, by=actor, key=key)
    items = [_item(*one) for one in zip(people, listed, strict=True)]
    if asked.people is None:
        return answered(listed[0].receipt, to_json(items[0]))
    return _several({"items": items}, listed)


@router.get("", openapi_extra=describe_query("people.read", answer=NamedPeople))
async def names(request: Request, ids: Ids) -> Response:
    """The names behind subject ids, in the order asked for; unknown ids are left out."""
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, "people.read")
        only(request, "ids")
        wanted = _wanted(ids)
        found = await at.identity.people.names(actor.tenant, wanted)
        named = [one for one in wanted if one in found]
        if named:
            shown(request, actor, "people.read", people=dict.fromkeys(named))
    items = [{"id": one, "name": found[one]} for one in named]
    return Response(to_json({"items": items}), media_type="application/json")


def _several(content: dict[str, Any], listed: list[Listed]) -> Response:
    status = 201 if any(one.receipt.created for one in listed) else 200
    is_replayed = any(one.receipt.replayed for one in listed)
    headers = {"Idempotency-Replayed": "true"} if is_replayed else {}
    return Response(to_json(content), status, headers, "application/json")


def _item(person: NamedPerson, listed: Listed) -> dict[str, Any]:
    item = {
        "id": listed.subject,
        "version": listed.receipt.version,
        "position": listed.receipt.position,
    }
    return {**item, "source_key": person.source_key} if person.source_key else item


def _wanted(ids: str) -> list[UUID]:
    try:
        return _IDS.validate_python(ids.split(","))
    except ValidationError as error:
        raise Invalid("Give ids separated by commas.", field="ids") from error
