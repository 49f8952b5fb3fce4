"""Whose an address is, as far as it tells."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_SUBNET_BITS = 64
"""Of an IPv6 address; its host chooses the other half (RFC 4291 2.5.1), as often as it likes."""


def network_of(text: str) -> str:
    """What all addresses of one client share; IPv4 and what is no address stand for themselves."""
    found = plain(text)
    if not isinstance(found, IPv6Address):
        return text if found is None else str(found)
    # By its bits, which leave the zone out: only this host knows what its links are called.
    return str(IPv6Network((int(found), _SUBNET_BITS), strict=False))


def plain(text: str) -> IPv4Address | IPv6Address | None:
    """As IPv4 where a socket of both kinds wrote it as IPv6; None for what is no address."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
