"""Workspaces and policies, the people in them, their roles and sign-ins."""

from __future__ import annotations

from audit.kinds.base import Data


class PolicyApplied(Data, frozen=True, kw_only=True):
    """Commits to ``comment``, where one was given; it stands with the version."""

    KIND = "policy.applied"
    version: str
    number: int
    digest: str


class WorkspaceCreated(Data, frozen=True, kw_only=True):
    KIND = "workspace.created"


class WorkspaceRenamed(Data, frozen=True, kw_only=True):
    """What people read as the workspace's name; its slug stays."""

    KIND = "workspace.renamed"
    before: str
    after: str


class PlainHttpSet(Data, frozen=True, kw_only=True):
    """Whether callbacks may go to plain http addresses."""

    KIND = "workspace.plain_http_set"
    allowed: bool


class PersonCreated(Data, frozen=True, kw_only=True):
    """Commits to ``email``."""

    KIND = "person.created"


class PersonDeactivated(Data, frozen=True, kw_only=True):
    KIND = "person.deactivated"


class PersonReactivated(Data, frozen=True, kw_only=True):
    """A deactivated person is back; the roles that people once gave them are not."""

    KIND = "person.reactivated"


class PersonRenamed(Data, frozen=True, kw_only=True):
    """Commits to ``name``, the new one."""

    KIND = "person.renamed"


class PersonInvited(Data, frozen=True, kw_only=True):
    """A link was made with which they set their first password; it ends the one before.

    ``mailed``: by mail.  ``handed_to``: whom it was shown to, ``administrator`` or ``operator``.
    """

    KIND = "person.invited"
    mailed: bool
    handed_to: str | None


class InvitationAccepted(Data, frozen=True, kw_only=True):
    """Whoever had the link set a password; commits to ``address``, where from."""

    KIND = "invitation.accepted"


class InvitationWithdrawn(Data, frozen=True, kw_only=True):
    """It was taken back before anybody used it."""

    KIND = "invitation.withdrawn"


class PasswordResetAsked(Data, frozen=True, kw_only=True):
    """``mailed`` and ``handed_to`` as of an invitation; commits to ``address`` where asked at the door."""

    KIND = "password.reset_asked"
    mailed: bool
    handed_to: str | None


class PasswordReset(Data, frozen=True, kw_only=True):
    """By a link; every session has ended with it.  Commits to ``address``, where from."""

    KIND = "password.reset"


class RoleCreated(Data, frozen=True, kw_only=True):
    KIND = "role.created"
    name: str


class RoleGranted(Data, frozen=True, kw_only=True):
    KIND = "role.granted"
    role: str
    person: str
    source: str


class RoleRevoked(Data, frozen=True, kw_only=True):
    KIND = "role.revoked"
    role: str
    person: str
    source: str


class PermissionGranted(Data, frozen=True, kw_only=True):
    KIND = "permission.granted"
    permission: str


class PermissionRevoked(Data, frozen=True, kw_only=True):
    KIND = "permission.revoked"
    permission: str


class AbsenceDeclared(Data, frozen=True, kw_only=True):
    """Somebody will be away; commits to ``span``, from when until when."""

    KIND = "absence.declared"
    absence: str
    stand_in: str | None


class AbsenceEnded(Data, frozen=True, kw_only=True):
    """They are back before its end, or it was called off before it began."""

    KIND = "absence.ended"
    absence: str


class SignedIn(Data, frozen=True, kw_only=True):
    """Commits to ``address``, the network address it came from.

    ``by``: ``password``, ``passkey`` or ``single_sign_on``; ``factor``: the second one, where it was asked for.
    """

    KIND = "sign_in.succeeded"
    by: str
    factor: str | None


class SignInFailed(Data, frozen=True, kw_only=True):
    """Commits to ``address``."""

    KIND = "sign_in.failed"
    reason: str


class SignedOut(Data, frozen=True, kw_only=True):
    KIND = "sign_in.ended"


class IdentityLinked(Data, frozen=True, kw_only=True):
    """A subject of the identity provider signs in as this person; commits to ``identity``, issuer and subject."""

    KIND = "identity.linked"


class IdentityUnlinked(Data, frozen=True, kw_only=True):
    """No subject of a provider signs in as this person any more."""

    KIND = "identity.unlinked"


class ViewSaved(Data, frozen=True, kw_only=True):
    """A person named a part of their inbox, or changed one; commits to ``said``, its name and filters."""

    KIND = "view.saved"
    view: str
    default: bool


class ViewRemoved(Data, frozen=True, kw_only=True):
    KIND = "view.removed"
    view: str
