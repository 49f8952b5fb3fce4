from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.write_model.given import MONDAY, actor, given
from write_model.kernel.access import Role
from write_model.kernel.errors import (
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    ReauthenticationRequired,
)
from write_model.kernel.policies import Policies
from write_model.organization.commands import (
    AddIdentityProvider,
    ChangeIdentityProvider,
    FoundOrganization,
    RemoveIdentityProvider,
    SetPolicies,
)
from write_model.organization.events import (
    IdentityProviderRemoved,
    IdentityProviderSet,
    OrganizationFounded,
    PoliciesSet,
)
from write_model.organization.organization import ORGANIZATION

OWNER = actor(1, Role.OWNER)
FOUNDED = OrganizationFounded(name="Harbor Warehouses")
LATE, WINDOW = timedelta(days=2), timedelta(days=10)
SET = SetPolicies(late_reopen_after=LATE, reopen_window=WINDOW)
WERE_SET = PoliciesSet(late_reopen_after=LATE, reopen_window=WINDOW)


def test_an_organization_is_founded_by_name() -> None:
    given().when(FoundOrganization(name=" Harbor Warehouses "), by=OWNER).then(FOUNDED)


def test_an_organization_is_not_founded_twice() -> None:
    founding = FoundOrganization(name="Harbor Warehouses")
    given(FOUNDED).when(founding, by=OWNER).then_refused(IllegalTransition)


def test_an_organization_sets_its_own_policies() -> None:
    given(FOUNDED).when(SET, by=OWNER).then(WERE_SET)


def test_policies_carry_the_version_at_which_they_were_set() -> None:
    state = given(FOUNDED, WERE_SET).state(ORGANIZATION)
    assert state.policies == Policies(2, LATE, WINDOW)


def test_nothing_is_late_after_the_window_has_closed() -> None:
    reversed_ = SetPolicies(late_reopen_after=timedelta(days=9), reopen_window=timedelta(days=1))
    refusal = given(FOUNDED).when(reversed_, by=OWNER).then_refused(Invalid)
    assert refusal.field == "reopen_window"


def test_an_organization_that_was_not_founded_has_no_policies_to_set() -> None:
    given().when(SET, by=OWNER).then_refused(NotFound)


def test_a_responder_does_not_set_policies() -> None:
    responder = actor(2, Role.RESPONDER)
    given(FOUNDED).when(SET, by=responder).then_refused(Forbidden)


DESK, SECRET = UUID(int=0xD1), UUID(int=0xD2)
FIELDS: dict[str, Any] = {
    "provider": DESK,
    "name": "Harbor accounts",
    "issuer": "https://login.harbor.example",
    "client_id": "tallystick",
    "secret": SECRET,
    "redirect_addresses": ("https://desk.harbor.example/signed-in",),
}
ADD, CHANGE = AddIdentityProvider(**FIELDS), ChangeIdentityProvider(**FIELDS)
REMOVE = RemoveIdentityProvider(provider=DESK)
WAS_SET = IdentityProviderSet(**FIELDS, admits_owners=True)
PROVEN_OWNER = replace(OWNER, authenticated_at=MONDAY)
PROVEN_ADMIN = replace(actor(3, Role.ADMIN), authenticated_at=MONDAY)


def test_an_owner_adds_an_identity_provider_through_which_owners_sign_in_too() -> None:
    given(FOUNDED).when(ADD, by=PROVEN_OWNER).then(WAS_SET)


def test_through_one_that_an_administrator_has_set_no_owner_signs_in() -> None:
    lesser = replace(WAS_SET, admits_owners=False)
    given(FOUNDED).when(ADD, by=PROVEN_ADMIN).then(lesser)
    given(FOUNDED, WAS_SET).when(CHANGE, by=PROVEN_ADMIN).then(lesser)


def test_a_changed_identity_provider_takes_the_place_of_itself() -> None:
    other = replace(WAS_SET, provider=SECRET)
    changed = replace(WAS_SET, name="Harbor")
    state = given(FOUNDED, WAS_SET, other, changed).state(ORGANIZATION)
    assert state.identity_providers == (other, changed)
    assert state.identity_provider(DESK) == changed


def test_a_removed_identity_provider_is_gone() -> None:
    removed = IdentityProviderRemoved(provider=DESK)
    given(FOUNDED, WAS_SET).when(REMOVE, by=PROVEN_OWNER).then(removed)
    assert given(FOUNDED, WAS_SET, removed).state(ORGANIZATION).identity_providers == ()


def test_what_is_no_identity_provider_is_neither_changed_nor_removed() -> None:
    for command in (CHANGE, REMOVE):
        given(FOUNDED).when(command, by=PROVEN_OWNER).then_refused(NotFound)


def test_an_organization_that_was_not_founded_adds_no_identity_provider() -> None:
    given().when(ADD, by=PROVEN_OWNER).then_refused(NotFound)


def test_an_identity_provider_is_added_once() -> None:
    """A late repetition, whose key the log has forgotten, does not undo what was changed since."""
    changed = replace(WAS_SET, secret=UUID(int=0xD3))
    given(FOUNDED, WAS_SET, changed).when(ADD, by=PROVEN_OWNER).then_refused(IllegalTransition)


def test_ten_identity_providers_are_enough() -> None:
    ten = [replace(WAS_SET, provider=UUID(int=each)) for each in range(10)]
    given(FOUNDED, *ten).when(ADD, by=PROVEN_OWNER).then_refused(IllegalTransition)


def test_whoever_sets_an_identity_provider_proves_once_more_who_he_is() -> None:
    for command in (ADD, CHANGE, REMOVE):
        refusing = given(FOUNDED, WAS_SET).when(command, by=OWNER)
        refusing.then_refused(ReauthenticationRequired)
        given(FOUNDED, WAS_SET).when(command, by=actor(2, Role.RESPONDER)).then_refused(Forbidden)
