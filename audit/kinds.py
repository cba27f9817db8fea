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


class RequestRevised(Data, frozen=True, kw_only=True):
    """The payload was changed, by the agent or by a person's edit, and planned anew.

    Commits to ``submission``: the new payload, its plan and what the agent then stated.
    """

    KIND = "request.revised"
    revision: int
    risk: str
    policy_version: int
    effect: str
    rule: str | None
    stages: list[StageAsked]
    expires_at: str
    on_expiry: str
    reason: str | None


class QuestionAsked(Data, frozen=True, kw_only=True):
    """An agent asked people something.  Commits to ``submission``, as a request does."""

    KIND = "question.asked"
    policy_version: int
    stages: list[StageAsked]
    expires_at: str
    reason: str | None


class RequestReturned(Data, frozen=True, kw_only=True):
    """A person gave it back to the agent.  Commits to ``text``."""

    KIND = "request.returned"
    message: str
    revision: int


class MessageAdded(Data, frozen=True, kw_only=True):
    """The agent answered, or added evidence.  Commits to ``text``: the words and the evidence."""

    KIND = "request.message_added"
    message: str
    revision: int


class CommentAdded(Data, frozen=True, kw_only=True):
    """A person wrote to the others.  Commits to ``text``."""

    KIND = "request.commented"
    message: str
    revision: int


class RequestClaimed(Data, frozen=True, kw_only=True):
    """Somebody said that they, or by ``reassign`` another, look into it."""

    KIND = "request.claimed"
    person: str
    before: str | None


class RequestReleased(Data, frozen=True, kw_only=True):
    KIND = "request.released"
    before: str


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


class RequestAnswered(Data, frozen=True, kw_only=True):
    """A question got its answer, which the vote that gave it commits to."""

    KIND = "request.answered"
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
    """Commits to ``decision``: comment, answer, the digest shown, and the roles the person then had."""

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


class PermitIssued(Data, frozen=True, kw_only=True):
    """The agent picked up leave to run an approved action once."""

    KIND = "permit.issued"
    permit: str
    revision: int
    key: str
    expires_at: str


class PermitReplaced(Data, frozen=True, kw_only=True):
    """The agent asked for another: the one before it opens nothing any more."""

    KIND = "permit.replaced"
    permit: str


class PermitConsumed(Data, frozen=True, kw_only=True):
    """A tool used it: the action runs."""

    KIND = "permit.consumed"
    permit: str
    revision: int


class PermitRefused(Data, frozen=True, kw_only=True):
    """A tool was refused a permit of this request."""

    KIND = "permit.refused"
    permit: str
    code: str


class PermitLapsed(Data, frozen=True, kw_only=True):
    """An approval that nobody used in time."""

    KIND = "permit.lapsed"
    revision: int


class RequestRevoked(Data, frozen=True, kw_only=True):
    """An approval was taken back before it was used.  Commits to ``reason`` where one was given."""

    KIND = "request.revoked"
    revision: int
    by: str


class ResultMissing(Data, frozen=True, kw_only=True):
    """A permit was used, and nobody said in time what came of it."""

    KIND = "result.missing"
    permit: str


class ResultReported(Data, frozen=True, kw_only=True):
    """What the agent says came of an approved action.  Commits to ``detail`` where it gave one."""

    KIND = "result.reported"
    status: str
    cost: str | None


class ActionRecorded(Data, frozen=True, kw_only=True):
    """An action that was taken without asking.  Commits to ``submission``, as a request does."""

    KIND = "action.recorded"
    action: str
    risk: str
    policy_version: int
    effect: str
    rule: str | None


class BreakGlassConfirmed(Data, frozen=True, kw_only=True):
    """An administrator said yes past the plan.  Commits to ``reason``."""

    KIND = "break_glass.confirmed"
    revision: int


class BreakGlassReviewed(Data, frozen=True, kw_only=True):
    """A third person looked at it afterwards.  Commits to ``comment``."""

    KIND = "break_glass.reviewed"


class RunStarted(Data, frozen=True, kw_only=True):
    """Commits to ``external_id`` and ``agent_version``."""

    KIND = "run.started"
    agent: str
    parent: str | None
    initiator: str | None


class RunEnded(Data, frozen=True, kw_only=True):
    KIND = "run.ended"
    state: str


class StepsReported(Data, frozen=True, kw_only=True):
    """A batch of steps.  Commits to ``steps``: the batch as it was read, its bytes in the steps' rows."""

    KIND = "run.steps_reported"
    first: int
    count: int


class PolicyApplied(Data, frozen=True, kw_only=True):
    KIND = "policy.applied"
    version: str
    number: int
    digest: str


class WorkspaceCreated(Data, frozen=True, kw_only=True):
    KIND = "workspace.created"


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
    """``agent`` is none for a tool's key and an auditor's; ``actions`` are those it may consume permits of."""

    KIND = "key.created"
    kind: str
    agent: str | None
    scopes: list[str]
    name: str = ""
    actions: list[str] = []


class KeyRevoked(Data, frozen=True, kw_only=True):
    KIND = "key.revoked"


class EndpointCreated(Data, frozen=True, kw_only=True):
    """Commits to ``url``."""

    KIND = "endpoint.created"
    agent: str
    events: list[str]


class EndpointChanged(Data, frozen=True, kw_only=True):
    """``changed`` names what: never a value.  Commits to ``url`` where that changed."""

    KIND = "endpoint.changed"
    changed: list[str]


class EndpointEnabled(Data, frozen=True, kw_only=True):
    KIND = "endpoint.enabled"


class EndpointDisabled(Data, frozen=True, kw_only=True):
    """By hand, by the receiver's 410, or after days of nothing but failures."""

    KIND = "endpoint.disabled"
    reason: str


class EndpointDeleted(Data, frozen=True, kw_only=True):
    KIND = "endpoint.deleted"


class EndpointKeyRotated(Data, frozen=True, kw_only=True):
    KIND = "endpoint.key_rotated"
    until: str


class CallbacksReplayed(Data, frozen=True, kw_only=True):
    """Somebody had callbacks sent again: ``one``, ``failed`` or ``missing``."""

    KIND = "callbacks.replayed"
    which: str
    count: int


class CallbackExhausted(Data, frozen=True, kw_only=True):
    """Every try to deliver a callback failed."""

    KIND = "callback.exhausted"
    callback: str
    type: str
    attempts: int


class SigningKeyRotated(Data, frozen=True, kw_only=True):
    KIND = "signing_key.rotated"
    purpose: str
    before: str | None
    after: str


class KillSwitchPressed(Data, frozen=True, kw_only=True):
    """Commits to ``reason``."""

    KIND = "kill_switch.pressed"
    scope: str
    target: str
    agents: list[str]
    cancelled: int
    revoked: int


class KillSwitchUndone(Data, frozen=True, kw_only=True):
    """Its agents may act again; what it ended stays ended."""

    KIND = "kill_switch.undone"
    kill: str
    agents: list[str]


class KillSwitchDrilled(Data, frozen=True, kw_only=True):
    """It was tried and rolled back: what it would have stopped."""

    KIND = "kill_switch.drilled"
    scope: str
    target: str
    agents: int
    cancelled: int
    revoked: int
    milliseconds: int


class AnchorAdded(Data, frozen=True, kw_only=True):
    """Checkpoints go to one more place outside: ``file``, ``webhook`` or ``tsa``.

    Commits to ``url`` where it has one.
    """

    KIND = "anchor.added"
    type: str


class AnchorRemoved(Data, frozen=True, kw_only=True):
    """Checkpoints no longer go there; what is there stays."""

    KIND = "anchor.removed"
    type: str


class LogAnchored(Data, frozen=True, kw_only=True):
    """A checkpoint was laid down outside the database."""

    KIND = "log.anchored"
    type: str
    checkpoint: int
    size: int


class LogAnchorFailed(Data, frozen=True, kw_only=True):
    """Several tries in a row failed; said once until one succeeds."""

    KIND = "log.anchor_failed"
    type: str
    failures: int


class LogAnchorRecovered(Data, frozen=True, kw_only=True):
    """It works again, after so many failures."""

    KIND = "log.anchor_recovered"
    type: str
    failures: int


class LogRollbackFound(Data, frozen=True, kw_only=True):
    """The log contradicts an anchor: it is ``shorter`` than that, or another at that size (``different``)."""

    KIND = "log.rollback_found"
    what: str
    anchored: int
    root: str
    size: int


class LogRollbackAccepted(Data, frozen=True, kw_only=True):
    """An operator lets the log go on though it contradicts an anchor.  Commits to ``reason``."""

    KIND = "log.rollback_accepted"
    anchored: int
    root: str
    size: int


class SubjectErased(Data, frozen=True, kw_only=True):
    """What these subjects say was erased; that they were there stays.  Commits to ``reason``.

    ``before``, of retention, says until when they had ended.
    """

    KIND = "subject.erased"
    scope: str
    subjects: list[str]
    count: int
    before: str | None = None


class ErasureLooked(Data, frozen=True, kw_only=True):
    """Somebody looked what an erasure would find by a text, and how much it was."""

    KIND = "erasure.looked"
    count: int


class HoldSet(Data, frozen=True, kw_only=True):
    """A legal hold: nothing that it covers is erased.  Commits to ``reason``."""

    KIND = "hold.set"
    scope: str
    target: str


class HoldLifted(Data, frozen=True, kw_only=True):
    """``subjects`` names the hold.  Commits to ``reason``."""

    KIND = "hold.lifted"
    subjects: list[str]


class RetentionSet(Data, frozen=True, kw_only=True):
    """How many days what ended requests say is kept; none: for ever."""

    KIND = "retention.set"
    days: int | None


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


class NotificationUnreached(Data, frozen=True, kw_only=True):
    """It waits for people, and nobody could be told of it by any channel."""

    KIND = "notification.unreached"
    revision: int
    stage: int


class SlackInstalled(Data, frozen=True, kw_only=True):
    """An app in Slack speaks for the workspace.  Commits to ``names``: app, team and organisation."""

    KIND = "slack.installed"


class SlackChanged(Data, frozen=True, kw_only=True):
    """Secrets of an installation were replaced: ``bot_token``, ``signing_secret`` or ``app_token``."""

    KIND = "slack.changed"
    replaced: list[str]


class SlackBroken(Data, frozen=True, kw_only=True):
    """Slack refuses the app, or its posts to a role's ``channel``; ``reason`` is Slack's own word."""

    KIND = "slack.broken"
    reason: str
    channel: str | None


class SlackRecovered(Data, frozen=True, kw_only=True):
    """It takes them again."""

    KIND = "slack.recovered"
    channel: str | None


class SlackRemoved(Data, frozen=True, kw_only=True):
    """The app was taken out, ``by`` hand or by Slack; its secrets are gone and its bindings ended."""

    KIND = "slack.removed"
    by: str
    bindings: int


class SlackBound(Data, frozen=True, kw_only=True):
    """A Slack user was bound to a person.  Commits to ``user``: team and user."""

    KIND = "slack.bound"
    installation: str


class SlackUnbound(Data, frozen=True, kw_only=True):
    KIND = "slack.unbound"
    installation: str


class PreferenceSet(Data, frozen=True, kw_only=True):
    """A person said how they want to be told."""

    KIND = "preference.set"
    channels: list[str] | None
    digest: str
    quiet: bool
    outcomes: bool


class PushSubscribed(Data, frozen=True, kw_only=True):
    """A person asked to be notified in a browser."""

    KIND = "push.subscribed"


class PushUnsubscribed(Data, frozen=True, kw_only=True):
    """They ended that, or the browser did (``gone``)."""

    KIND = "push.unsubscribed"
    reason: str


class OtherChannelAdded(Data, frozen=True, kw_only=True):
    """An operator added a channel that only tells; ``service`` is Apprise's word for it."""

    KIND = "other_channel.added"
    role: str
    service: str


class OtherChannelRemoved(Data, frozen=True, kw_only=True):
    KIND = "other_channel.removed"


class LogRead(Data, frozen=True, kw_only=True):
    """An auditor looked into the log; ``wanted`` says with which conditions, as ``name=value``."""

    KIND = "log.read"
    wanted: list[str]


class EvidenceExported(Data, frozen=True, kw_only=True):
    """Somebody made the evidence of a request: as ``json``, ``page`` or ``pdf``.

    ``size`` is the checkpoint's that it is proven against.  Commits to ``file``, its bytes, where it is one.
    """

    KIND = "evidence.exported"
    form: str
    size: int


class LogExported(Data, frozen=True, kw_only=True):
    """Somebody asked for an export; ``query`` says of what, as ``name=value``; empty: the whole log.

    ``size`` is the length of the log that it is taken from.
    """

    KIND = "log.exported"
    query: list[str]
    format: str
    target: str
    size: int


class LogExportDownloaded(Data, frozen=True, kw_only=True):
    """Somebody began to download an export, or the rest of it from a byte on."""

    KIND = "log.export_downloaded"
    start: int


class LogExportSent(Data, frozen=True, kw_only=True):
    """An export lies in the operator's store, whole.  Its SHA-256 is of the file."""

    KIND = "log.export_sent"
    events: int
    sha256: str


def _registered() -> dict[str, type[Data]]:
    return {kind.KIND: kind for kind in Data.__subclasses__()}


#: Every kind by its name.
KINDS: dict[str, type[Data]] = _registered()
