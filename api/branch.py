"""Positions that clients keep: whole numbers, and whether the log still has what they saw there."""

from uuid import UUID

from starlette.datastructures import QueryParams

from api.process import Process
from read_model.log_headers import is_lost
from write_model.kernel.errors import Invalid, LogRestored


def whole_number(parameters: QueryParams, name: str) -> int | None:
    """None when it was not given. Raises: Invalid."""
    text = parameters.get(name)
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 18:
        kind = "A position" if name == "after" else f"An {name}"
        raise Invalid(f"{kind} is a whole number.", field=name)
    return int(text)


async def must_be_kept(at: Process, tenant: UUID, parameters: QueryParams) -> None:
    """Raises: LogRestored when a restored log has lost what was read up to `after`; Invalid.

    A position alone tells no branch from another once the log has grown past it again, so answers
    give the `epoch` along.
    """
    after, epoch = whole_number(parameters, "after"), whole_number(parameters, "epoch")
    if after and epoch is not None and await is_lost(at.pool, tenant, after, epoch):
        raise LogRestored
