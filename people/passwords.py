"""What a new password must be: one rule, whoever sets it and wherever."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from people.errors import WeakPassword
from people.models import User

#: Longer is nobody's password, and hashing it would be somebody's attack.
LONGEST: Final = 1_000


def storable(text: str) -> str:
    """What PostgreSQL and UTF-8 can carry; nobody's address or password has anything else."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def check(password: str, user: User) -> None:
    """Refuse what nobody could sign in with, and what Django's validators call weak.

    Args:
        user: whose it is to be; it must not be like their name or address.

    Raises:
        WeakPassword: with all that is wrong.
    """
    if len(password) > LONGEST:
        raise WeakPassword(reasons=f"It has more than {LONGEST:,} characters.")
    if storable(password) != password:
        raise WeakPassword(reasons="It has a character that no password can have.")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(reasons=" ".join(error.messages)) from None
