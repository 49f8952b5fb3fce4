"""What a browser keeps while its owner is at the provider: sealed, for ten minutes, good once.

It lies with the browser and not in Redis, which may be emptied at any time: signing in goes on
without it. Only that a flow was finished is kept, in the database, so it counts in every process.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from authlib.oauth2.rfc6749.parameters import (
    prepare_grant_uri,  # pyright: ignore[reportUnknownVariableType]
)
from authlib.oauth2.rfc7636 import (
    create_s256_code_challenge,  # pyright: ignore[reportUnknownVariableType]
)
from cryptography.exceptions import InvalidTag
from pydantic import BaseModel

from api.identity.oidc.discovery import Metadata
from write_model.kernel.clock import Clock
from write_model.kernel.kept_secrets import KeptSecrets

LIVES = timedelta(minutes=10)
_SECRET_BYTES = 32


class Flow(BaseModel):
    """`verifier` proves to the provider that who sends the code is who began (RFC 7636).

    `proof_of`: who proves with it once more who he is; None where somebody signs in.
    """

    state: str
    nonce: str
    verifier: str
    issuer: str
    redirect_address: str
    ends_at: datetime
    proof_of: UUID | None = None

    @property
    def began_at(self) -> datetime:
        return self.ends_at - LIVES


@dataclass(frozen=True, slots=True)
class Flows:
    sealing: KeptSecrets
    clock: Clock

    def begin(self, issuer: str, redirect_address: str, proof_of: UUID | None = None) -> Flow:
        state, nonce, verifier = (secrets.token_urlsafe(_SECRET_BYTES) for _ in range(3))
        return Flow(
            state=state,
            nonce=nonce,
            verifier=verifier,
            issuer=issuer,
            redirect_address=redirect_address,
            ends_at=self.clock() + LIVES,
            proof_of=proof_of,
        )

    def sealed(self, flow: Flow, provider: UUID) -> str:
        content = self.sealing.seal(flow.model_dump_json().encode(), provider)
        return base64.urlsafe_b64encode(content).decode()

    def opened(self, sealed: str, provider: UUID) -> Flow | None:
        """None for what was not begun here with this provider, or has ended by itself."""
        try:
            content = base64.urlsafe_b64decode(sealed)
            flow = Flow.model_validate_json(self.sealing.open(content, provider))
        except (ValueError, InvalidTag):
            return None
        return flow if self.clock() < flow.ends_at else None


def address(metadata: Metadata, client_id: str, flow: Flow) -> str:
    """Where the browser goes now."""
    # OpenID Connect Core 1.0, 3.1.2.1: with `max_age` an ID token tells when he signed in.
    anew = {} if flow.proof_of is None else {"prompt": "login", "max_age": "0"}
    make, challenge = cast("Any", prepare_grant_uri), cast("Any", create_s256_code_challenge)
    made: str = make(
        metadata.authorization_endpoint,
        client_id,
        "code",
        redirect_uri=flow.redirect_address,
        scope="openid email",
        state=flow.state,
        nonce=flow.nonce,
        code_challenge=challenge(flow.verifier),
        code_challenge_method="S256",
        **anew,
    )
    return made
