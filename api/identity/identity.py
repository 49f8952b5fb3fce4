"""Everything about people that one api process needs, and what it forgets at the log's word."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256

from api.identity.actors import Actors, Happened
from api.identity.choosing import Choosing
from api.identity.ending import Ending
from api.identity.guesses import Guesses
from api.identity.key_bearers import KeyBearers
from api.identity.oidc.elsewhere import Elsewhere
from api.identity.on_record import OnRecord
from api.identity.own_password import OwnPassword
from api.identity.people import People
from api.identity.redeeming import Redeeming
from api.identity.refreshing import Refreshing
from api.identity.rim import Rim
from api.identity.signing_in import SigningIn
from write_model.accounts import Accounts
from write_model.api_key.api_key import API_KEY
from write_model.api_keys import ApiKeys
from write_model.identity_providers import IdentityProviders
from write_model.invitations import Invitations
from write_model.kernel.access_log import AccessLog
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Logins
from write_model.kernel.keyring import Keyring
from write_model.kernel.messages import IdempotencyKey
from write_model.kernel.tokens import AccessTokens
from write_model.password_resets import PasswordResets
from write_model.provider_links import ProviderLinks
from write_model.second_factors import SecondFactors

_OF_KEYS = f"{API_KEY.name}."


@dataclass(frozen=True, slots=True)
class Identity:
    accounts: Accounts
    api_keys: ApiKeys
    actors: Actors
    bearers: KeyBearers
    people: People
    rim: Rim
    logins: Logins
    blind_index: BlindIndex
    access_tokens: AccessTokens
    signing_in: SigningIn
    refreshing: Refreshing
    ending: Ending
    own_password: OwnPassword
    redeeming: Redeeming
    choosing: Choosing
    invitations: Invitations
    resets: PasswordResets
    second_factors: SecondFactors
    providers: IdentityProviders
    provider_links: ProviderLinks
    elsewhere: Elsewhere
    guesses: Guesses
    on_record: OnRecord
    access_log: AccessLog
    keyring: Keyring
    clock: Clock

    def kept_key(self, key: IdempotencyKey | None) -> IdempotencyKey | None:
        """The key with a digest that only we can make.

        A body of names, addresses and passwords is short: a plain digest of it, which is kept for
        days, would let whoever reads the database test guesses.
        """
        if key is None:
            return None
        secret = self.accounts.master.key("idempotency")
        return key._replace(digest=hmac.digest(secret, key.digest, sha256))

    def evict(self, happened: Happened) -> None:
        """What the log's tail reports: forget what it makes untrue."""
        self.actors.evict(happened)
        if happened.topic.startswith(_OF_KEYS):
            self.bearers.evict(happened.stream)
        self.people.evict(happened.stream)

    def distrust(self) -> None:
        """The tail is lost: believe nothing that is remembered."""
        self.actors.distrust()
        self.bearers.distrust()
        self.people.distrust()
        self.keyring.distrust()

    def trust(self) -> None:
        """The tail is back."""
        self.actors.trust()
        self.bearers.trust()
