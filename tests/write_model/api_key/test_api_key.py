from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from tests.write_model.given import MONDAY, TENANT, actor, given, happened
from write_model.api_key.api_key import API_KEY
from write_model.api_key.commands import (
    LIVES_AT_MOST,
    USUALLY_LIVES,
    CreateApiKey,
    RevokeApiKey,
    RotateApiKey,
    Scope,
)
from write_model.api_key.events import ApiKeyCreated, ApiKeyRevoked, ApiKeyRotated
from write_model.kernel.access import PERMISSIONS, Actor, Role
from write_model.kernel.errors import (
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    ReauthenticationRequired,
)
from write_model.kernel.ids import new_id

OLD, NEW = "tsk_aaaaaaaa", "tsk_bbbbbbbb"
ADMIN = replace(actor(1, Role.ADMIN), authenticated_at=MONDAY)
REPORT = frozenset({Scope.REPORT, Scope.READ_INCIDENTS})
TELEMETRY = CreateApiKey(name="Forklift telemetry", prefix=OLD, scopes=REPORT)
CREATED = ApiKeyCreated(
    name="Forklift telemetry",
    prefix=OLD,
    scopes=("incident.read", "incident.report"),
    expires_at=MONDAY + USUALLY_LIVES,
)
LATER = MONDAY + USUALLY_LIVES


def test_a_key_is_made_for_what_it_is_named_for_and_ends_by_itself() -> None:
    given().when(TELEMETRY, by=ADMIN).then(CREATED)


def test_who_makes_it_may_say_when_it_ends_within_a_year() -> None:
    for wanted, is_taken in (
        (MONDAY, False),
        (MONDAY + timedelta(days=1), True),
        (MONDAY + LIVES_AT_MOST, True),
        (MONDAY + LIVES_AT_MOST + timedelta(seconds=1), False),
    ):
        asked = given().when(TELEMETRY.model_copy(update={"expires_at": wanted}), by=ADMIN)
        if is_taken:
            asked.then(
                ApiKeyCreated(
                    name=CREATED.name,
                    prefix=CREATED.prefix,
                    scopes=CREATED.scopes,
                    expires_at=wanted,
                )
            )
        else:
            assert asked.then_refused(Invalid).field == "expires_at"


def test_a_key_is_made_once() -> None:
    given(CREATED).when(TELEMETRY, by=ADMIN).then_refused(IllegalTransition)


def test_a_key_has_a_scope() -> None:
    with pytest.raises(ValidationError, match="scopes"):
        CreateApiKey(name="Nothing", prefix=OLD, scopes=frozenset())


def test_only_who_manages_keys_makes_rotates_and_revokes_them() -> None:
    for command in (TELEMETRY, RotateApiKey(prefix=NEW), RevokeApiKey()):
        for role in set(Role) - {Role.OWNER, Role.ADMIN}:
            given().when(command, by=actor(2, role)).then_refused(Forbidden)


def test_nobody_gives_a_key_more_than_he_may_do_himself() -> None:
    bound = replace(ADMIN, scopes=frozenset({"api_keys.manage", "incident.read"}))
    given().when(TELEMETRY, by=bound).then_refused(Forbidden, saying=r"incident\.report")


def test_who_has_not_just_proven_who_he_is_makes_and_rotates_none() -> None:
    signed_in = replace(ADMIN, authenticated_at=None)
    for command in (TELEMETRY, RotateApiKey(prefix=NEW)):
        given().when(command, by=signed_in).then_refused(ReauthenticationRequired)


def test_the_scopes_are_what_a_service_may_do() -> None:
    assert set(Scope) == PERMISSIONS[Role.SERVICE]


def test_another_secret_takes_the_place_of_the_older_one() -> None:
    rotated = ApiKeyRotated(prefix=NEW)
    given(CREATED).when(RotateApiKey(prefix=NEW), by=ADMIN).then(rotated)
    state = given(CREATED, rotated).state(API_KEY)
    assert [state.is_good(prefix) for prefix in (OLD, NEW)] == [False, True]
    assert (state.scopes, state.expires_at) == (REPORT, CREATED.expires_at)


def test_a_revoked_key_is_never_good_again() -> None:
    given(CREATED).when(RevokeApiKey(), by=ADMIN).then(ApiKeyRevoked())
    given(CREATED, ApiKeyRevoked()).when(RevokeApiKey(), by=ADMIN).then_nothing()
    rotate = RotateApiKey(prefix=NEW)
    given(CREATED, ApiKeyRevoked()).when(rotate, by=ADMIN).then_refused(IllegalTransition)
    assert not given(CREATED, ApiKeyRevoked()).state(API_KEY).is_good(OLD)


def test_an_expired_key_is_not_rotated() -> None:
    rotate = RotateApiKey(prefix=NEW)
    given(CREATED).when(rotate, by=replace(ADMIN, authenticated_at=LATER), at=LATER).then_refused(
        IllegalTransition
    )


def test_what_was_never_made_is_neither_rotated_nor_revoked() -> None:
    for command in (RotateApiKey(prefix=NEW), RevokeApiKey()):
        given().when(command, by=ADMIN).then_refused(NotFound)


def test_who_made_it_and_when_is_known() -> None:
    state = given(happened(CREATED, by=ADMIN)).state(API_KEY)
    assert (state.created_by, state.created_at) == (ADMIN.id, MONDAY)


def test_a_key_may_do_what_its_scopes_name_and_its_role_may() -> None:
    service = Actor(
        new_id(),
        TENANT,
        frozenset({Role.SERVICE}),
        scopes=frozenset({"incident.report", "members.manage"}),
    )
    assert service.may("incident.report")
    assert not service.may("incident.read"), "the role may, the key was not made for it"
    assert not service.may("members.manage"), "no scope makes a service more than a service"


def test_a_key_is_no_person() -> None:
    service = Actor(new_id(), TENANT, frozenset({Role.SERVICE}), scopes=frozenset())
    with pytest.raises(Forbidden, match="sign in as a person"):
        service.must_be_a_person()
    ADMIN.must_be_a_person()


def test_a_secret_that_was_good_before_is_never_good_again() -> None:
    """The same request makes the same secret, also once the log has forgotten its key."""
    rotated = given(CREATED, ApiKeyRotated(prefix=NEW))
    for prefix in (OLD, NEW):
        rotated.when(RotateApiKey(prefix=prefix), by=ADMIN).then_refused(IllegalTransition)
    other = "tsk_cccccccc"
    rotated.when(RotateApiKey(prefix=other), by=ADMIN).then(ApiKeyRotated(prefix=other))
