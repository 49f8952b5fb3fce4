import pytest

from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.secrets import MasterSecret

FREYA = "freya@harbor.example"
INDEX = BlindIndex(MasterSecret(bytes(32)))


@pytest.mark.parametrize("spelt", [" Freya@Harbor.Example ", "\uff46reya@harbor.example"])
def test_an_address_is_found_however_it_is_spelt(spelt: str) -> None:
    assert INDEX.of(spelt) == INDEX.of(FREYA)


def test_another_address_is_another_entry() -> None:
    assert INDEX.of("inge@harbor.example") != INDEX.of(FREYA)


def test_without_the_secret_nobody_can_test_a_guess() -> None:
    other = BlindIndex(MasterSecret(bytes([1]) * 32))
    assert other.of(FREYA) != INDEX.of(FREYA)
    assert len(INDEX.of(FREYA)) == 32
