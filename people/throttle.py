"""How often somebody may be wrong about a password, counted in PostgreSQL for every process.

A try is written down before the password is looked at and taken back when it was right, under locks
on account and address: fifty guesses at the same instant are fifty tries, not one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from core.problems import Problem, too_many
from people.models import SignInFailure

# The one address that fails on one account is shut out soon and briefly; whoever uses many
# addresses on one account, or many accounts from one address, later and for longer.
PER_PAIR: Final = (5, timedelta(minutes=5))
PER_ACCOUNT: Final = (50, timedelta(hours=1))
PER_ADDRESS: Final = (100, timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Try:
    """A try that counts as failed until `forgive` takes it back."""

    id: UUID
    account: str
    address: str


# `released` is when the oldest failure that still counts leaves its window.  An account is not shut
# for an address its user is known from: strangers cannot lock somebody out of their own home.
_LOOK: Final = """
SELECT clock_timestamp(), (
    SELECT max(released) FROM (
        SELECT (array_agg(at ORDER BY at DESC))[%(pair)s] + %(pair_s)s AS released FROM people_signinfailure
         WHERE account = %(account)s AND address = %(address)s AND at > clock_timestamp() - %(pair_s)s
        UNION ALL
        SELECT (array_agg(at ORDER BY at DESC))[%(accounts)s] + %(account_s)s FROM people_signinfailure
         WHERE account = %(account)s AND at > clock_timestamp() - %(account_s)s
           AND NOT EXISTS (SELECT 1 FROM people_knownaddress k JOIN people_user u ON u.id = k.user_id
                            WHERE u.email = %(account)s AND k.address = %(address)s)
        UNION ALL
        SELECT (array_agg(at ORDER BY at DESC))[%(addresses)s] + %(address_s)s FROM people_signinfailure
         WHERE address = %(address)s AND at > clock_timestamp() - %(address_s)s
    ) windows)
"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(%s), pg_advisory_xact_lock(%s)"
#: Failures that limit nothing any more.
_FORGET: Final = "DELETE FROM people_signinfailure WHERE at < clock_timestamp() - interval '1 day'"
_KNOW: Final = """
INSERT INTO people_knownaddress (id, user_id, address, last_at)
VALUES (gen_random_uuid(), %s, %s, clock_timestamp())
ON CONFLICT (user_id, address) DO UPDATE SET last_at = excluded.last_at
"""
_STALE: Final = """
DELETE FROM people_knownaddress WHERE user_id = %s AND last_at < clock_timestamp() - interval '90 days'
"""


def begin(*, account: str, address: str) -> Try:
    """Count one try, unless there were too many.

    Args:
        account: the normalised e-mail address; it need not belong to anybody.
        address: the caller's network address.

    Raises:
        Problem: 429 with Retry-After.
    """
    address = network(address)
    values: dict[str, Any] = {
        "account": account,
        "address": address,
        "pair": PER_PAIR[0],
        "pair_s": PER_PAIR[1],
        "accounts": PER_ACCOUNT[0],
        "account_s": PER_ACCOUNT[1],
        "addresses": PER_ADDRESS[0],
        "address_s": PER_ADDRESS[1],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # In this order in every process, so that two tries never wait for each other.
        cursor.execute(_LOCK, [advisory("account", account), advisory("address", address)])
        cursor.execute(_LOOK, values)
        now, released = cursor.fetchone()
        if released is not None and released > now:
            raise _shut(released, now)
        failure = SignInFailure.objects.create(account=account, address=address)
        cursor.execute(_FORGET)
    return Try(failure.id, account, address)


def forgive(tried: Try, user: UUID) -> None:
    """The password was right: take back this try and the address's earlier ones, and know it again."""
    with transaction.atomic(), connection.cursor() as cursor:
        SignInFailure.objects.filter(account=tried.account, address=tried.address).delete()
        cursor.execute(_KNOW, [user, tried.address])
        cursor.execute(_STALE, [user])


def _shut(released: datetime, now: datetime) -> Problem:
    seconds = (released - now).total_seconds()
    return too_many(
        "Too many failed sign-ins. Wait before the next try.",
        retry_after_s=seconds,
        code="sign_in_throttled",
    )


def network(address: str) -> str:
    """Whoever may be one caller: an IPv4 address, or the /64 that one IPv6 customer gets."""
    try:
        known = ip_address(address)
    except ValueError:
        return "0.0.0.0"  # noqa: S104 - no address was known: they all share one count
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(IPv6Address(int(known) >> 64 << 64))


def plain(address: str) -> str | None:
    """The address itself, where it is one."""
    try:
        known = ip_address(address)
    except ValueError:
        return None
    mapped = known.ipv4_mapped if isinstance(known, IPv6Address) else None
    return str(mapped or known)


def advisory(kind: str, text: str) -> int:
    """The number of the lock that everybody takes who counts this."""
    seed = hashlib.sha256(f"sign-in {kind} {text}".encode()).digest()
    return int.from_bytes(seed[:8], "big", signed=True)
