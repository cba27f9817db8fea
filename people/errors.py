"""What services refuse, in words for whoever asked.

Every docstring is its error's message, filled with facts; ``argument`` names the input at fault, as
commands and endpoints call it.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Refusal(ValueError):
    """It was refused."""

    argument: ClassVar[str] = ""

    def __init__(self, **facts: object) -> None:
        super().__init__(" ".join((self.__doc__ or "").format(**facts).split()))

    @property
    def code(self) -> str:
        """The stable word for it, from the name of its class: ``bad_slug``."""
        return _WORD.sub("_", type(self).__name__).lower()


class BadSlug(Refusal):
    """“{slug}” cannot be a slug: use 1 to 50 lower-case letters, digits and inner hyphens."""

    argument = "slug"


class SlugTaken(Refusal):
    """There is already a workspace “{slug}”: choose another slug."""

    argument = "slug"


class NoSuchWorkspace(Refusal):
    """There is no workspace “{slug}”: create it with workspace_create, or check the spelling."""

    argument = "slug"


class NoSuchUser(Refusal):
    """There is no user “{email}”: check the spelling."""

    argument = "email"


class BadText(Refusal):
    """It must have 1 to {limit} visible characters."""

    argument = "name"


class BadEmail(Refusal):
    """“{email}” is not an e-mail address such as ana@example.com."""

    argument = "email"


class NoSuchPerson(Refusal):
    """“{email}” is nobody in workspace “{slug}”: add them with person_create, or check the spelling."""

    argument = "email"


class PersonExists(Refusal):
    """“{email}” is in workspace “{slug}” already."""

    argument = "email"


class PersonInactive(Refusal):
    """“{email}” was deactivated in workspace “{slug}”: add them again with person_create first."""

    argument = "email"


class LastAdministrator(Refusal):
    """“{email}” is the last active administrator who can sign in here: let somebody else administer first."""

    argument = "email"


class NameIsTheirs(Refusal):
    """“{email}” is in other workspaces too, and their name is the same there: it is not changed from here."""

    argument = "name"


class NotInvited(Refusal):
    """“{email}” has no invitation that waits: they signed in before, or it was taken back."""

    argument = "email"


class WeakPassword(Refusal):
    """The password is too weak. {reasons}"""

    argument = "password"


class NoSuchRole(Refusal):
    """Workspace “{slug}” has no role “{role}” ({known}): declare it under `roles` in the policy."""

    argument = "role"


class NotInRole(Refusal):
    """“{email}” does not hold the role “{role}”."""

    argument = "email"


class RoleFromPolicy(Refusal):
    """“{email}” holds “{role}” by the policy: take them out of its `members` there and apply it."""

    argument = "email"


class RoleFromGroup(Refusal):
    """“{email}” holds “{role}” by a group of the identity provider: take them out of the group there."""

    argument = "email"


class NotLinked(Refusal):
    """“{email}” is linked with nobody at an identity provider."""

    argument = "email"


class AbsenceEndsEarly(Refusal):
    """An absence ends after it begins: {until} is not after {begin}."""

    argument = "until"


class AbsenceIsOver(Refusal):
    """It would be over already: {until} has passed."""

    argument = "until"


class AbsenceTooLong(Refusal):
    """An absence lasts at most {days} days: for longer, take the person out of their roles."""

    argument = "until"


class AbsenceOverlaps(Refusal):
    """It overlaps an absence from {begin} until {until}: end that one first, or choose other times."""

    argument = "from"


class StandInIsSelf(Refusal):
    """Nobody stands in for themselves: choose somebody else, or nobody."""

    argument = "stand_in"


class NoSuchStandIn(Refusal):
    """The stand-in must be an active person of this workspace: check the spelling."""

    argument = "stand_in"


class StandInAway(Refusal):
    """{name} is away in that time, from {begin} until {until}: choose somebody else."""

    argument = "stand_in"


class StandInLoop(Refusal):
    """{name} is away from {begin} until {until}, and {person} stands in for them: nobody stands in for each other."""

    argument = "stand_in"
