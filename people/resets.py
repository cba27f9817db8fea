"""Password resets: asked for at the door by whoever forgot theirs, or sent by an administrator.

At the door the answer and its time are the same for known and unknown addresses.  How often it is asked
is counted in PostgreSQL, by account and by address, apart from sign-ins.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from audit import kinds
from audit.actor import Actor
from core.emails import normal_email
from core.problems import too_many
from people import links
from people.invitations import may_show
from people.links import Handed, Kind, Made
from people.models import Person, ResetAsked, User
from people.telling import from_address, tell
from people.throttle import advisory, network

#: Mails to one account, and questions from one address.  A link that was asked for stays as good as it
#: was, so whoever asks in another's name keeps them from nothing.
PER_ACCOUNT: Final = (3, timedelta(hours=1))
PER_ADDRESS: Final = (20, timedelta(hours=1))
#: Every answer takes as long, whoever was asked about: more than any of them needs.
ANSWER_TAKES_S: Final = 0.3
MAX_EMAIL: Final = 254

_LOCK: Final = "SELECT pg_advisory_xact_lock(%s), pg_advisory_xact_lock(%s)"
_LOOK: Final = """
SELECT clock_timestamp(), greatest(
    (SELECT (array_agg(at ORDER BY at DESC))[%(accounts)s] + %(account_s)s FROM people_resetasked
      WHERE account = %(account)s AND at > clock_timestamp() - %(account_s)s),
    (SELECT (array_agg(at ORDER BY at DESC))[%(addresses)s] + %(address_s)s FROM people_resetasked
      WHERE address = %(address)s AND at > clock_timestamp() - %(address_s)s))
"""
_FORGET: Final = "DELETE FROM people_resetasked WHERE at < clock_timestamp() - interval '1 day'"


def ask(*, email: str, address: str) -> None:
    """Mail a link to whoever this address is, if they are somebody with a password; tells nothing of it.

    Args:
        email: as typed.
        address: the caller's network address, as the door established it.

    Raises:
        Problem: 429 ``reset_throttled`` with Retry-After, for known and unknown addresses alike.
    """
    started = time.monotonic()
    account = normal_email(email.replace("\0", "").encode(errors="replace").decode())[:MAX_EMAIL]
    _count(account, network(address))
    if settings.SMTP is not None:
        _mail(account, address)
    if not connection.in_atomic_block:
        connection.close()  # a connection that sleeps is one that others wait for
    time.sleep(max(0.0, started + ANSWER_TAKES_S - time.monotonic()))


@transaction.atomic
def _mail(account: str, address: str) -> None:
    user = User.objects.select_for_update(no_key=True).filter(email=account, is_active=True).first()
    # Who signs in by other means alone is given no password by the way.
    if user is None or not user.has_usable_password():
        return
    if not Person.objects.filter(user=user, active=True).exists():
        return
    links.make(actor=Actor.system("sign_in"), kind=Kind.RESET, user=user, person=None)
    asked = kinds.PasswordResetAsked(mailed=True, handed_to=None)
    tell(user, asked, from_address(address), actor=Actor.system("sign_in"))


@transaction.atomic
def send(*, actor: Actor, person: Person, show: bool = False) -> Made:
    """A link for somebody, by an administrator: mailed, and shown only where they are nowhere else.

    Args:
        show: whether to show it beside mailing it; it is shown, too, where no mail is sent.
    """
    user = User.objects.select_for_update(no_key=True).get(id=person.user_id)
    wanted = show or not links.sends_mail()
    handed = may_show(actor, user, person) if wanted else Handed.NOBODY
    made = links.make(actor=actor, kind=Kind.RESET, user=user, person=person, handed_to=handed)
    asked = kinds.PasswordResetAsked(mailed=made.mailed, handed_to=handed.value or None)
    tell(user, asked, actor=actor, home=person.workspace_id)
    return made


@transaction.atomic
def print_link(*, actor: Actor, user: User) -> Made:
    """A link for an operator to hand over; the log of every workspace of theirs says so."""
    held = User.objects.select_for_update(no_key=True).get(id=user.id)
    made = links.make(
        actor=actor,
        kind=Kind.RESET,
        user=held,
        person=None,
        handed_to=Handed.OPERATOR,
        mail=False,
    )
    asked = kinds.PasswordResetAsked(mailed=False, handed_to=Handed.OPERATOR.value)
    tell(held, asked, actor=actor)
    return made


def _count(account: str, address: str) -> None:
    """Count one question, unless there were too many."""
    values: dict[str, Any] = {
        "account": account,
        "address": address,
        "accounts": PER_ACCOUNT[0],
        "account_s": PER_ACCOUNT[1],
        "addresses": PER_ADDRESS[0],
        "address_s": PER_ADDRESS[1],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # In this order in every process, so that two never wait for each other.
        cursor.execute(
            _LOCK, [advisory("reset account", account), advisory("reset address", address)]
        )
        cursor.execute(_LOOK, values)
        now, released = cursor.fetchone()
        if released is not None and released > now:
            raise too_many(
                "Too many password resets were asked for. A mail may be there already; else wait.",
                retry_after_s=(released - now).total_seconds(),
                code="reset_throttled",
            )
        ResetAsked.objects.create(account=account, address=address)
        cursor.execute(_FORGET)
