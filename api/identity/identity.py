"""Everything about people that one api process needs, put together once."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from api.identity.actors import Actors, Happened
from api.identity.choosing import Choosing
from api.identity.ending import Ending
from api.identity.guesses import Guesses
from api.identity.issuing import Issuing
from api.identity.key_bearers import KeyBearers
from api.identity.oidc.dialogue import Dialogue
from api.identity.oidc.discovery import Discovery
from api.identity.oidc.elsewhere import Elsewhere
from api.identity.oidc.fetching import Fetching, Network
from api.identity.oidc.flows import Flows
from api.identity.oidc.recognizing import Recognizing
from api.identity.on_record import OnRecord
from api.identity.own_password import OwnPassword
from api.identity.people import People
from api.identity.redeeming import Redeeming
from api.identity.refreshing import Refreshing
from api.identity.rim import Rim
from api.identity.second_step import SecondStep
from api.identity.signing_in import SigningIn
from read_model.cache import Cache
from write_model.accounts import Accounts
from write_model.api_key.api_key import API_KEY
from write_model.api_keys import ApiKeys
from write_model.application import WriteModel
from write_model.identity_providers import IdentityProviders
from write_model.invitations import Invitations
from write_model.kernel.access_log import AccessLog
from write_model.kernel.api_key_secrets import ApiKeySecrets
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.breached import Breached
from write_model.kernel.client_secrets import ClientSecrets
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Logins, RefreshTokens
from write_model.kernel.factors import Factors
from write_model.kernel.ids import Ids
from write_model.kernel.kept_secrets import KeptSecrets
from write_model.kernel.keyring import Keyring
from write_model.kernel.linked_subjects import LinkedSubjects
from write_model.kernel.messages import IdempotencyKey
from write_model.kernel.passes import Passes
from write_model.kernel.passwords import Passwords
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.sign_ins import SignIns
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


def identity(
    write_model: WriteModel,
    pool: AsyncConnectionPool[AsyncConnection[Any]],
    keyring: Keyring,
    master: MasterSecret,
    *,
    clock: Clock,
    ids: Ids,
    cache: Cache | None = None,
    passwords: Passwords | None = None,
    provider_networks: tuple[Network, ...] = (),
    breached: Breached | None = None,
) -> Identity:
    """`keyring`: the one that the write model seals with, so that keys are opened once.

    `cache`: where processes count guesses together; None where this one counts alone.
    `breached`: passwords that nobody may choose; None where no file of them was named.
    """
    passwords = passwords or Passwords()
    logins, access_tokens = Logins(pool), AccessTokens(master, clock)
    accounts = Accounts(write_model, logins, passwords, keyring, master, ids)
    sign_ins = SignIns(pool)

    async def lives(subject: UUID, sign_in: UUID) -> bool:
        return await sign_ins.lives(subject, sign_in, at=clock())

    key_secrets = ApiKeySecrets(pool, master.key("api_keys"))
    repeats = master.key("repeated_api_keys")
    api_keys = ApiKeys(write_model, key_secrets, ids, clock, repeats)
    bearers = KeyBearers(api_keys.secrets, api_keys.state, clock)
    factors = SecondFactors(write_model, Factors(pool), master, clock)

    async def lacks(tenant: UUID, subject: UUID) -> bool:
        policies = await write_model.decider.policies.of(tenant)
        return policies.require_second_factor and not await factors.is_settled(subject)

    actors = Actors(access_tokens, accounts.membership, lives, lacks, bearers, clock)
    people = People(pool, keyring)
    access_log = AccessLog(pool)
    secret = master.key("passes")
    invitations = Invitations(accounts, Passes(pool, "invitation", secret), clock)
    resets = PasswordResets(accounts, Passes(pool, "reset", secret), clock)
    guesses = Guesses(cache, master.key("guesses"), clock)
    on_record = OnRecord(access_log, logins, actors, clock)
    choosing = Choosing(accounts, people, breached)
    second_step = SecondStep(factors, guesses, on_record)
    blind_index, refresh_tokens = BlindIndex(master), RefreshTokens(pool)
    issuing = Issuing(access_tokens, refresh_tokens, on_record, clock)
    ending = Ending(write_model, sign_ins, actors, on_record, clock)
    signing_in = SigningIn(
        logins, passwords, blind_index, second_step, issuing, actors, guesses, on_record, clock
    )
    own_password = OwnPassword(
        write_model,
        logins,
        passwords,
        choosing,
        second_step,
        issuing,
        ending,
        guesses,
        on_record,
        clock,
    )
    linked = LinkedSubjects(pool, master.key("linked_subjects"))
    client_secrets = ClientSecrets(pool, KeptSecrets(master.key("client_secrets")))
    providers = IdentityProviders(write_model, client_secrets, linked, ids, clock)
    links = ProviderLinks(write_model, linked)
    dialogue = Dialogue(
        providers,
        linked,
        Flows(KeptSecrets(master.key("sign_in_flows")), clock),
        Discovery(Fetching(provider_networks), clock),
    )
    recognizing = Recognizing(links, logins, blind_index, actors, second_step, on_record)
    return Identity(
        accounts,
        api_keys,
        actors,
        bearers,
        people,
        Rim(people, keyring),
        logins,
        blind_index,
        access_tokens,
        signing_in,
        Refreshing(refresh_tokens, issuing, ending, actors, guesses, clock),
        ending,
        own_password,
        Redeeming(invitations, resets, choosing, ending, guesses, on_record),
        choosing,
        invitations,
        resets,
        factors,
        providers,
        links,
        Elsewhere(dialogue, recognizing, signing_in, issuing, guesses, on_record),
        guesses,
        on_record,
        access_log,
        keyring,
        clock,
    )
