from uuid import UUID

import pytest
from pydantic import ValidationError

from tests.write_model.given import STREAM, TENANT, actor, given
from write_model.kernel.access import Role
from write_model.kernel.errors import Forbidden, NotFound
from write_model.kernel.personal import Clear
from write_model.user.commands import (
    RecordIdentityProviderLink,
    RecordIdentityProviderUnlink,
    RecordPasswordChange,
    RecordRecoveryCodeUse,
    RecordResetOffer,
    RecordSecondFactorDisabled,
    RecordSecondFactorEnabled,
    RecordSignInsEnded,
    RegisterUser,
)
from write_model.user.events import (
    IdentityProviderLinked,
    IdentityProviderUnlinked,
    PasswordChanged,
    RecoveryCodeUsed,
    ResetOffered,
    SecondFactorDisabled,
    SecondFactorEnabled,
    SignInsEnded,
    UserRegistered,
)
from write_model.user.user import USER

ADMIN = actor(1, Role.ADMIN)
PROVIDER = UUID(int=8)
FREYA = RegisterUser(name="Freya Lind", email="freya@harbor.example")
REGISTERED = UserRegistered(
    name=Clear(STREAM, "Freya Lind"), email=Clear(STREAM, "freya@harbor.example")
)


def test_a_person_is_registered_with_a_name_and_an_address_that_are_to_be_sealed() -> None:
    given().when(FREYA, by=ADMIN).then(REGISTERED)


def test_registering_a_person_again_changes_nothing() -> None:
    given(REGISTERED).when(FREYA, by=ADMIN).then_nothing()


def test_only_who_manages_members_registers_people() -> None:
    given().when(FREYA, by=actor(2, Role.VIEWER)).then_refused(Forbidden)


@pytest.mark.parametrize("email", ["freya", "@harbor.example", "freya lind@harbor.example", ""])
def test_an_address_has_two_parts_without_space(email: str) -> None:
    with pytest.raises(ValidationError, match="email"):
        RegisterUser(name="Freya Lind", email=email)


def test_that_a_password_changed_is_on_record() -> None:
    given(REGISTERED).when(RecordPasswordChange(), by=ADMIN).then(PasswordChanged())


def test_a_changed_password_leaves_the_person_as_he_was() -> None:
    changed = given(REGISTERED, PasswordChanged(), SignInsEnded(reason="ended")).state(USER)
    assert changed == given(REGISTERED).state(USER)


def test_that_a_sign_in_ended_is_on_record_with_why() -> None:
    ended = RecordSignInsEnded(reason="token_reused", sign_in=STREAM)
    given(REGISTERED).when(ended, by=ADMIN).then(
        SignInsEnded(reason="token_reused", sign_in=STREAM)
    )
    given().when(ended, by=ADMIN).then_refused(NotFound)


def test_that_a_reset_was_offered_is_on_record_with_where() -> None:
    offered = RecordResetOffer(organization=TENANT)
    given(REGISTERED).when(offered, by=ADMIN).then(ResetOffered(organization=TENANT))
    given().when(offered, by=ADMIN).then_refused(NotFound)


def test_what_becomes_of_a_second_factor_is_on_record() -> None:
    here = SecondFactorDisabled(organization=TENANT)
    for command, follows in (
        (RecordSecondFactorEnabled(), SecondFactorEnabled()),
        (RecordSecondFactorDisabled(organization=TENANT), here),
        (RecordRecoveryCodeUse(), RecoveryCodeUsed()),
    ):
        given(REGISTERED).when(command, by=ADMIN).then(follows)
        given().when(command, by=ADMIN).then_refused(NotFound)


def test_which_identity_providers_tell_of_somebody_is_on_record() -> None:
    link = RecordIdentityProviderLink(organization=TENANT, provider=PROVIDER)
    unlink = RecordIdentityProviderUnlink(organization=TENANT, provider=PROVIDER)
    linked = IdentityProviderLinked(organization=TENANT, provider=PROVIDER)
    unlinked = IdentityProviderUnlinked(organization=TENANT, provider=PROVIDER)
    for command, follows in ((link, linked), (unlink, unlinked)):
        given(REGISTERED).when(command, by=ADMIN).then(follows)
        given().when(command, by=ADMIN).then_refused(NotFound)
    then = given(REGISTERED, linked, unlinked)
    assert then.state(USER) == given(REGISTERED).state(USER)


def test_whether_somebody_has_a_second_factor_is_known() -> None:
    assert not given(REGISTERED).state(USER).has_second_factor
    enabled = given(REGISTERED, SecondFactorEnabled(), RecoveryCodeUsed())
    assert enabled.state(USER).has_second_factor
    disabled = given(REGISTERED, SecondFactorEnabled(), SecondFactorDisabled())
    assert not disabled.state(USER).has_second_factor


def test_nobody_has_no_password() -> None:
    given().when(RecordPasswordChange(), by=ADMIN).then_refused(NotFound)


def test_a_clear_name_does_not_show_in_a_log_line() -> None:
    assert repr(Clear(UUID(int=7), "Freya Lind")) == f"Clear({UUID(int=7)})"
