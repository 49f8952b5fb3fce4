"""What an organization decides for itself, at its address."""

from fastapi import APIRouter

from api.commands import accept
from api.routes import PlainRoute
from write_model.organization.commands import SetPolicies

router = APIRouter(prefix="/v1/organizations", tags=["Organizations"], route_class=PlainRoute)

accept(router, "/policies", SetPolicies)
