"""The access log, for who administers the organization."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from api.answers.accesses import Accesses
from api.callers import caller
from api.openapi import CURSOR, LIMIT, describe_query, parameter
from api.packing import Packed
from api.process import process
from api.reads import JSON, limit_of, next_page, only
from api.routes import PlainRoute
from read_model.queries.accesses import Asked
from write_model.kernel.errors import Invalid

router = APIRouter(prefix="/v1/access-log", tags=["Operating"], route_class=PlainRoute)

_ADMINISTER = "organization.administer"
_PARAMETERS = (
    parameter("actor", "Only entries of this person, by id."),
    parameter("outcome", "Only entries that ended so, such as forbidden or sign_in_failed."),
    CURSOR,
    LIMIT,
)


@router.get("", openapi_extra=describe_query(_ADMINISTER, *_PARAMETERS, answer=Accesses))
async def accesses(request: Request) -> Response:
    """Who was refused what, who was shown what is personal, and what became of credentials.

    The newest first; an entry is there a moment after it happened.
    """
    at = process(request)
    with at.budgets.queries:
        actor = await caller(request, _ADMINISTER)
        only(request, "actor", "outcome", "limit", "cursor")
        given = request.query_params
        asked = Asked(actor.tenant, _person(given.get("actor")), given.get("outcome"))
        found, cursor = await at.questions.accesses.page(
            asked, limit=limit_of(request), cursor=given.get("cursor")
        )
    names = ("at", "actor", "what", "permission", "target", "outcome")
    items = [{name: getattr(entry, name) for name in names} for entry in found]
    headers = {"Cache-Control": "no-store"}
    if (link := next_page(request, cursor)) is not None:
        headers["Link"] = f'<{link}>; rel="next"'
    content = to_json({"items": items, "next_cursor": cursor})
    return Packed(content, headers=headers, media_type=JSON)


def _person(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError as error:
        raise Invalid("Give the person's id (a UUID).", field="actor") from error
