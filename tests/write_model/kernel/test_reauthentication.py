"""When it counts that somebody has proven once more who he is."""

from datetime import datetime, timedelta

import pytest

from tests.identity import FREYA, HARBOR, MASTER, ToldTime
from write_model.kernel.access import PROVEN_FOR, Actor, system_actor
from write_model.kernel.errors import ReauthenticationRequired
from write_model.kernel.tokens import AccessTokens

NOW = ToldTime()()


@pytest.mark.parametrize(
    ("authenticated_at", "counts"),
    [
        (None, False),
        (NOW, True),
        (NOW - PROVEN_FOR, True),
        (NOW - PROVEN_FOR - timedelta(seconds=1), False),
    ],
    ids=["never", "now", "five minutes ago", "longer ago"],
)
def test_it_counts_for_five_minutes(authenticated_at: datetime | None, counts: bool) -> None:
    actor = Actor(FREYA, HARBOR, authenticated_at=authenticated_at)
    if counts:
        actor.must_have_reauthenticated(NOW)
    else:
        with pytest.raises(ReauthenticationRequired, match="password once more"):
            actor.must_have_reauthenticated(NOW)


def test_the_product_itself_proves_nothing() -> None:
    system_actor().must_have_reauthenticated(NOW)


def test_a_token_says_whether_it_is_a_proof_and_since_when() -> None:
    clock = ToldTime()
    tokens = AccessTokens(MASTER, clock)
    usual, proof = (tokens.issue(FREYA, HARBOR, is_proof=is_proof) for is_proof in (False, True))
    assert tokens.verify(usual).authenticated_at is None
    claims = tokens.verify(proof)
    assert (claims.authenticated_at, claims.expires_at) == (clock(), clock() + PROVEN_FOR)
