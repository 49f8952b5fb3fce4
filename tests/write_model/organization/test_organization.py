from datetime import timedelta

from tests.write_model.given import actor, given
from write_model.kernel.access import Role
from write_model.kernel.errors import Forbidden, IllegalTransition, Invalid, NotFound
from write_model.kernel.policies import Policies
from write_model.organization.commands import FoundOrganization, SetPolicies
from write_model.organization.events import OrganizationFounded, PoliciesSet
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
