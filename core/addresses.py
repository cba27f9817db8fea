"""Which IP addresses may be called when somebody typed where to.

Refused is what is not plainly on the public internet, whatever it is called today: IPv6 must be
global unicast and carry no IPv4 address inside (the way around most filters), IPv4 must not be
special (RFC 6890). Operators lift that for networks of theirs with `ASSENTRY_EGRESS_ALLOW`.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

VARIABLE: Final = "ASSENTRY_EGRESS_ALLOW"

_SPECIAL: Final[tuple[Network, ...]] = (
    *map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
            "2001::/23",  # protocol assignments, among them Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3ffe::/16",  # once 6bone
            "3fff::/20",  # documentation
        ),
    ),
    *EXTRA_BLOCKED_NET_RANGES,  # grows with releases of the library
)

#: All that was ever given out on the IPv6 internet. Outside lie loopback, unique local, link- and
#: site-local, multicast, segment routing, and the forms that carry IPv4: mapped, compatible, NAT64.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")

#: Hand out credentials to whoever asks from inside; only the exact address lifts the refusal.
_METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # nearly everybody
            "169.254.170.2",  # AWS containers
            "169.254.170.23",
            "fd00:ec2::23",
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure, a public address
            "192.0.0.192",  # Oracle
        ),
    )
)

_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE: Final = IPv6Network("::/96")
#: Nobody has it, so whoever can bind to it could bind to anything.
_NOBODYS: Final = IPv4Address("192.0.2.1")
_ANY_PORT: Final = 9


class EgressConfigError(ValueError):
    """ASSENTRY_EGRESS_ALLOW lists something that is no network and no address."""

    def __init__(self, item: str) -> None:
        super().__init__(f"{VARIABLE}: {item!r} is neither a network nor an address")


@cache
def allowed_networks() -> tuple[Network, ...]:
    """Return the networks that operators allow; EgressConfigError. Read once in a process.

    Tests that set the variable call `allowed_networks.cache_clear()`.
    """
    items = (item.strip() for item in os.environ.get(VARIABLE, "").split(","))
    return tuple(_network(item) for item in items if item)


def _network(item: str) -> Network:
    try:
        return ip_network(item)
    except ValueError as error:
        raise EgressConfigError(item) from error


def is_allowed(address: Address) -> bool:
    """Return whether the operator lists it, so that scheme and port are free too."""
    exactly = _carried(address) & _METADATA
    if exactly:
        listed = {network.network_address for network in allowed_networks() if _is_one(network)}
        return address in listed and exactly <= listed
    return any(address in network for network in allowed_networks())


def is_refused(address: Address) -> bool:
    """Return whether it must not be called."""
    return not is_allowed(address) and (not _is_public(address) or is_own(address))


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    if address in _METADATA or any(address in network for network in _SPECIAL):
        return False
    return address.is_global


def _is_one(network: Network) -> bool:
    return network.num_addresses == 1


def _carried(address: Address) -> set[Address]:
    """Return the address and those of IPv4 that it stands for."""
    found: set[Address] = {address}
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            found.add(address.ipv4_mapped)
        if address.sixtofour:
            found.add(address.sixtofour)
        if address.teredo:
            found |= set(address.teredo)
        if address in _COMPATIBLE or any(address in network for network in _NAT64):
            found.add(IPv4Address(int(address) & 0xFFFF_FFFF))
    return found


def is_own(address: Address) -> bool:
    """Return whether an interface of this machine has it. Sends nothing."""
    return _source_towards(address) == address or (_binds(address) and not _binds(_NOBODYS))


def _source_towards(address: Address) -> Address | None:
    """Return the address that packets to `address` would come from: itself, when it is ours."""
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), _ANY_PORT))
            return ip_address(probe.getsockname()[0])
    except OSError:
        return None


def _binds(address: Address) -> bool:
    """Return whether one could listen there. Second addresses of an interface are found so only."""
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
            return True
    except OSError:
        return False


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6
