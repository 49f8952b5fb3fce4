"""What comes with a command: a key that makes its retry safe, and the version that it rests on."""

from fastapi import Request

from api.process import process
from api.refusals import KeyRequired
from api.request_headers import expected_versions, idempotency_key
from write_model.deciding import Promises
from write_model.kernel.access import Actor
from write_model.kernel.errors import PreconditionRequired


async def promises(
    request: Request, actor: Actor, content: bytes, *, begins: bool = False
) -> Promises:
    """As the request has them; `begins`: there is no version yet that anybody could have seen.

    An import's rows are told apart by their sources' keys, so nothing is demanded of them.
    Raises: Malformed; KeyRequired and PreconditionRequired, where the organization demands them.
    """
    key = idempotency_key(request, content)
    expected = None if begins else expected_versions(request)
    if actor.source != "import":
        policies = process(request).write_model.decider.policies
        demanded = policies.known(actor.tenant) or await policies.of(actor.tenant)
        if demanded.require_idempotency_key and key is None:
            raise KeyRequired
        if demanded.require_if_match and expected is None and not begins:
            raise PreconditionRequired
    return Promises(key, expected)
