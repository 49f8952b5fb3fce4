"""The one place where all that identity needs is put together."""

from __future__ import annotations

from uuid import UUID

from api.identity.actors import Actors
from api.identity.choosing import Choosing
from api.identity.ending import Ending
from api.identity.guesses import Guesses
from api.identity.identity import Identity
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
from write_model.api_keys import ApiKeys
from write_model.api_keys_in_force import KeysInForce
from write_model.application import WriteModel
from write_model.identity_providers import IdentityProviders
from write_model.invitations import Invitations
from write_model.kernel.access_log import AccessLog
from write_model.kernel.api_key_secrets import ApiKeySecrets
from write_model.kernel.asking import Pool
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
from write_model.kernel.passes import Passes
from write_model.kernel.passwords import Passwords
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.sign_ins import SignIns
from write_model.kernel.tokens import AccessTokens
from write_model.password_resets import PasswordResets
from write_model.provider_links import ProviderLinks
from write_model.second_factors import SecondFactors


def identity(
    write_model: WriteModel,
    pool: Pool,
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
    in_force = KeysInForce(write_model, key_secrets, clock)
    api_keys = ApiKeys(write_model, key_secrets, ids, clock, repeats, in_force)
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
    providers = _providers(write_model, pool, master, clock, ids)
    links = ProviderLinks(write_model, providers.linked)
    dialogue = _dialogue(providers, master, clock, provider_networks)
    recognizing = Recognizing(links, logins, blind_index, actors, second_step, on_record)
    return Identity(
        accounts=accounts,
        api_keys=api_keys,
        actors=actors,
        bearers=bearers,
        people=people,
        rim=Rim(people, keyring),
        logins=logins,
        blind_index=blind_index,
        access_tokens=access_tokens,
        signing_in=signing_in,
        refreshing=Refreshing(refresh_tokens, issuing, ending, actors, guesses, clock),
        ending=ending,
        own_password=own_password,
        redeeming=Redeeming(invitations, resets, choosing, ending, guesses, on_record),
        choosing=choosing,
        invitations=invitations,
        resets=resets,
        second_factors=factors,
        providers=providers,
        provider_links=links,
        elsewhere=Elsewhere(dialogue, recognizing, signing_in, issuing, guesses, on_record),
        guesses=guesses,
        on_record=on_record,
        access_log=access_log,
        keyring=keyring,
        clock=clock,
    )


def _providers(
    write_model: WriteModel, pool: Pool, master: MasterSecret, clock: Clock, ids: Ids
) -> IdentityProviders:
    secrets = ClientSecrets(pool, KeptSecrets(master.key("client_secrets")))
    linked = LinkedSubjects(pool, master.key("linked_subjects"))
    return IdentityProviders(write_model, secrets, linked, ids, clock)


def _dialogue(
    providers: IdentityProviders,
    master: MasterSecret,
    clock: Clock,
    networks: tuple[Network, ...],
) -> Dialogue:
    flows = Flows(KeptSecrets(master.key("sign_in_flows")), clock)
    return Dialogue(providers, providers.linked, flows, Discovery(Fetching(networks), clock))
