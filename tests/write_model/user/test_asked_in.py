from tests.write_model.given import STREAM, TENANT, given
from tests.write_model.user.test_user import ADMIN, REGISTERED
from write_model.kernel.personal import Clear
from write_model.user.commands import RecordInvitation, RegisterUser
from write_model.user.events import UserInvited, UserRegistered
from write_model.user.user import USER

INVITED = UserInvited(organization=TENANT)


def test_who_asks_a_person_in_is_on_record_whether_he_was_known_or_not() -> None:
    asked = RecordInvitation(name="Freya", email="freya@harbor.example", organization=TENANT)
    first = UserRegistered(name=Clear(STREAM, "Freya"), email=REGISTERED.email)
    given().when(asked, by=ADMIN).then(first, INVITED)
    given(REGISTERED).when(asked, by=ADMIN).then(INVITED)
    assert given(REGISTERED, INVITED).state(USER) == given(REGISTERED).state(USER)


def test_an_address_is_spelt_one_way() -> None:
    spelt = RegisterUser(name="Freya Lind", email=" Freya@Harbor.Example ")
    given().when(spelt, by=ADMIN).then(REGISTERED)
