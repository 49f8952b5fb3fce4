"""Which addresses count as one."""

import pytest

from api.identity.networks import network_of


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:0:7::1", "2001:db8:0:7::/64"),
        ("2001:DB8:0:7:ffff:ffff:ffff:ffff", "2001:db8:0:7::/64"),
        ("2001:db8:0:8::1", "2001:db8:0:8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("fe80::1%", "fe80::1%"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_an_address_counts_as_its_network(text: str, network: str) -> None:
    assert network_of(text) == network
