"""The registry of event kinds: every fact the log may hold, with the schema of its data.

One spelling for events, and for whatever is named after them (streams, callbacks).  A kind is a
struct; there is no other way to write an event, so an unregistered or misshapen one cannot exist.
Data names people and agents by opaque id and holds nothing that could identify somebody or be
guessed (audit.md): that goes into a commitment.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Data(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The data of one kind of event; ``KIND`` is its name in the log."""

    KIND: ClassVar[str]


class StageAsked(Struct, frozen=True, kw_only=True):
    """One stage of a plan, as the log remembers it."""

    roles: list[str]
    approvals: int
    rejections: int
    distinct_from_earlier: bool
    confirm: str | None


class RequestSubmitted(Data, frozen=True, kw_only=True):
    """Commits to ``submission``: payload, plan and what the agent stated."""

    KIND = "request.submitted"
    action: str
    revision: int
    risk: str
    policy_version: int
    effect: str
    rule: str | None
    stages: list[StageAsked]
    expires_at: str
    on_expiry: str
    reason: str | None


class StageOpened(Data, frozen=True, kw_only=True):
    """A later stage was reached, an earlier one fell short again, or the deadline asks one more role."""

    KIND = "request.stage_opened"
    revision: int
    stage: int
    reason: str


class RequestApproved(Data, frozen=True, kw_only=True):
    KIND = "request.approved"
    revision: int
    basis: str


class RequestRejected(Data, frozen=True, kw_only=True):
    KIND = "request.rejected"
    revision: int
    basis: str


class RequestExpired(Data, frozen=True, kw_only=True):
    KIND = "request.expired"
    revision: int
    basis: str
    due_at: str


class RequestCancelled(Data, frozen=True, kw_only=True):
    """Commits to ``reason`` where one was given."""

    KIND = "request.cancelled"
    revision: int
    basis: str


class DecisionRecorded(Data, frozen=True, kw_only=True):
    """Commits to ``decision``: comment, the digest that was shown, and the roles the person then had."""

    KIND = "decision.recorded"
    decision: str
    revision: int
    stage: int
    verdict: str
    assurance: str


class DecisionVoided(Data, frozen=True, kw_only=True):
    KIND = "decision.voided"
    decision: str
    revision: int
    stage: int
    reason: str


class DecisionRefused(Data, frozen=True, kw_only=True):
    """Somebody tried to decide and might not, or no longer."""

    KIND = "decision.refused"
    code: str
    verdict: str


class PolicyApplied(Data, frozen=True, kw_only=True):
    KIND = "policy.applied"
    version: str
    number: int
    digest: str


class WorkspaceCreated(Data, frozen=True, kw_only=True):
    KIND = "workspace.created"


class PersonCreated(Data, frozen=True, kw_only=True):
    """Commits to ``email``."""

    KIND = "person.created"


class PersonDeactivated(Data, frozen=True, kw_only=True):
    KIND = "person.deactivated"


class PersonReactivated(Data, frozen=True, kw_only=True):
    """A deactivated person is back; the roles that people once gave them are not."""

    KIND = "person.reactivated"


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


class AgentCreated(Data, frozen=True, kw_only=True):
    KIND = "agent.created"
    name: str
    owner: str


class AgentStateChanged(Data, frozen=True, kw_only=True):
    KIND = "agent.state_changed"
    before: str
    after: str


class KeyCreated(Data, frozen=True, kw_only=True):
    KIND = "key.created"
    kind: str
    agent: str
    scopes: list[str]


class KeyRevoked(Data, frozen=True, kw_only=True):
    KIND = "key.revoked"


class SignedIn(Data, frozen=True, kw_only=True):
    """Commits to ``address``, the network address it came from."""

    KIND = "sign_in.succeeded"


class SignInFailed(Data, frozen=True, kw_only=True):
    """Commits to ``address``."""

    KIND = "sign_in.failed"
    reason: str


class SignedOut(Data, frozen=True, kw_only=True):
    KIND = "sign_in.ended"


class SensitiveShown(Data, frozen=True, kw_only=True):
    """A person opened a field that policy calls sensitive."""

    KIND = "request.sensitive_shown"
    revision: int


def _registered() -> dict[str, type[Data]]:
    return {kind.KIND: kind for kind in Data.__subclasses__()}


#: Every kind by its name.
KINDS: dict[str, type[Data]] = _registered()
