"""What each kind of event says in plain words."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

#: Kind → what happened.  A test holds it to the registry of kinds.
SENTENCES: Final[dict[str, str]] = {
    "request.submitted": "An agent asked",
    "request.revised": "The payload was changed and planned anew",
    "question.asked": "An agent asked a question",
    "request.returned": "Given back to the agent",
    "request.message_added": "The agent answered or added evidence",
    "request.commented": "Somebody commented",
    "request.claimed": "Somebody looks into it",
    "request.released": "Nobody looks into it any more",
    "request.stage_opened": "A stage was opened",
    "request.approved": "Approved",
    "request.rejected": "Rejected",
    "request.answered": "Answered",
    "request.expired": "Expired: nobody decided in time",
    "request.cancelled": "Withdrawn",
    "request.revoked": "The approval was taken back",
    "request.sensitive_shown": "Somebody opened a sensitive field",
    "decision.recorded": "Somebody decided",
    "decision.voided": "A decision lost its weight",
    "decision.refused": "A decision was refused",
    "permit.issued": "The agent picked up its permit",
    "permit.replaced": "The agent picked up another permit",
    "permit.consumed": "A tool used the permit",
    "permit.refused": "A tool was refused",
    "permit.lapsed": "The approval lapsed unused",
    "result.reported": "The result was told",
    "result.missing": "The result is missing",
    "action.recorded": "An agent recorded what it did",
    "break_glass.confirmed": "An administrator approved past the plan",
    "break_glass.reviewed": "A breaking of the glass was reviewed",
    "run.started": "A run began",
    "run.ended": "A run ended",
    "run.steps_reported": "Steps were told",
    "policy.applied": "A policy was applied",
    "workspace.created": "The workspace was made",
    "workspace.renamed": "The workspace got another name",
    "workspace.plain_http_set": "Plain http for callbacks was set",
    "person.created": "A person was added",
    "person.deactivated": "A person was deactivated",
    "person.reactivated": "A person was activated again",
    "person.renamed": "A person was given another name",
    "person.invited": "A person was invited",
    "invitation.accepted": "Somebody accepted an invitation",
    "invitation.withdrawn": "An invitation was taken back",
    "password.reset_asked": "A password is to be reset",
    "password.reset": "A password was reset",
    "role.created": "A role was made",
    "role.granted": "A role was given",
    "role.revoked": "A role was taken away",
    "drill.started": "A drill was started",
    "drill.confirmed": "Somebody said that they are there, in a drill",
    "schedule.created": "A schedule was made",
    "schedule.changed": "A schedule was changed",
    "schedule.removed": "A schedule was removed",
    "schedule.overridden": "Somebody is on duty in place of others",
    "schedule.override_cancelled": "An override of a schedule was taken back",
    "schedule.calendar_read": "A schedule's calendar says something else",
    "schedule.calendar_failed": "A schedule's calendar cannot be read",
    "schedule.calendar_recovered": "A schedule's calendar can be read again",
    "absence.declared": "Somebody will be away",
    "absence.ended": "An absence was ended",
    "view.saved": "Somebody saved a view of their inbox",
    "view.removed": "Somebody deleted a view of their inbox",
    "escalation.stepped": "A step was taken while nobody decided",
    "escalation.undelivered": "A step reached nobody",
    "clock.repaired": "A request got the clock back that it had lost",
    "request.extended": "Somebody gave it more time",
    "pager.added": "A pager was added",
    "pager.removed": "A pager was removed",
    "permission.granted": "A permission was given",
    "permission.revoked": "A permission was taken away",
    "agent.created": "An agent was registered",
    "agent.state_changed": "An agent's state was changed",
    "agent.owner_changed": "Somebody else answers for an agent",
    "key.created": "A key was made",
    "key.revoked": "A key was revoked",
    "key.rotated": "A key was replaced by another",
    "endpoint.created": "An endpoint was registered",
    "endpoint.changed": "An endpoint was changed",
    "endpoint.enabled": "An endpoint was switched on",
    "endpoint.disabled": "An endpoint was switched off",
    "endpoint.deleted": "An endpoint was removed",
    "endpoint.key_rotated": "An endpoint got another secret",
    "callbacks.replayed": "Callbacks were sent again",
    "callback.exhausted": "A callback was given up",
    "signing_key.rotated": "The server signs with another key",
    "kill_switch.pressed": "The kill switch was pressed",
    "kill_switch.undone": "The kill switch was undone",
    "kill_switch.drilled": "The kill switch was rehearsed",
    "notification.unreached": "Nobody could be told of it",
    "slack.installed": "Slack was connected",
    "slack.changed": "Secrets of the Slack app were replaced",
    "slack.broken": "Slack refuses the app",
    "slack.recovered": "Slack takes the app again",
    "slack.removed": "Slack was disconnected",
    "slack.bound": "Somebody connected their Slack user",
    "slack.unbound": "A Slack user was disconnected",
    "preference.set": "Somebody said how they want to be told",
    "push.subscribed": "Somebody switched notifications on in a browser",
    "push.unsubscribed": "Notifications in a browser ended",
    "other_channel.added": "A channel that only tells was added",
    "other_channel.removed": "A channel that only tells was removed",
    "sign_in.succeeded": "Somebody signed in",
    "sign_in.failed": "A sign-in failed",
    "sign_in.ended": "Somebody signed out",
    "factor.added": "Somebody set up a second factor",
    "factor.removed": "A second factor was taken away",
    "factor.refused": "A second factor was wrong",
    "factor.recovery_codes_made": "Somebody made recovery codes",
    "factor.recovery_code_used": "A recovery code was used up",
    "password.changed": "Somebody changed their password",
    "session.ended": "Somebody ended sessions of theirs",
    "identity.linked": "Somebody was linked with the identity provider",
    "identity.unlinked": "Somebody was unlinked from the identity provider",
    "evidence.exported": "Somebody took a request's evidence",
    "log.read": "Somebody read the log",
    "log.exported": "Somebody exported the log",
    "log.export_downloaded": "Somebody downloaded an export",
    "log.export_sent": "An export was sent to the store",
    "log.anchored": "A checkpoint was laid down outside",
    "log.anchor_failed": "Checkpoints cannot be laid down outside",
    "log.anchor_recovered": "Checkpoints are laid down outside again",
    "log.rollback_found": "The log was found to have gone back",
    "log.rollback_accepted": "A log that went back was accepted",
    "anchor.added": "A place for checkpoints was added",
    "anchor.removed": "A place for checkpoints was removed",
    "subject.erased": "What was said of somebody was erased",
    "erasure.looked": "Somebody looked for what an erasure would find",
    "hold.set": "A legal hold was set",
    "hold.lifted": "A legal hold was lifted",
    "retention.set": "How long content is kept was set",
}

#: The nouns that the log can be narrowed to, in the words of the page.
NOUNS: Final[dict[str, str]] = {
    "request.*": "Requests",
    "decision.*": "Decisions",
    "permit.*": "Permits",
    "result.*": "Results",
    "run.*": "Runs",
    "break_glass.*": "Break glass",
    "kill_switch.*": "Kill switch",
    "policy.*": "Policy",
    "workspace.*": "The workspace",
    "person.*": "People",
    "invitation.*": "Invitations",
    "password.*": "Passwords",
    "role.*": "Roles",
    "schedule.*": "Schedules",
    "permission.*": "Permissions",
    "agent.*": "Agents",
    "key.*": "Keys",
    "endpoint.*": "Endpoints",
    "notification.*": "Being told",
    "slack.*": "Slack",
    "push.*": "Browsers",
    "preference.*": "Preferences",
    "other_channel.*": "Other channels",
    "sign_in.*": "Sign-ins",
    "factor.*": "Second factors",
    "session.*": "Sessions",
    "log.*": "The log itself",
    "anchor.*": "Anchors",
    "subject.*": "Erasures",
    "hold.*": "Legal holds",
}


#: Where checkpoints are laid down outside the database.
TARGETS: Final[dict[str, str]] = {
    "file": "A file on the server",
    "webhook": "A webhook",
    "tsa": "A timestamp authority",
}

#: How a log contradicts what was laid down outside; the blank is the length it had then.
HELD: Final[dict[str, str]] = {
    "shorter": "This log is shorter than it was: {} lie outside. An older backup may have been restored.",
    "different": "This log is not the one that was laid down outside at {}.",
}


def ago(past: timedelta) -> str:
    """How long ago: ``4 minutes ago``."""
    minutes = int(past.total_seconds()) // 60
    if minutes < 1:
        return "less than a minute ago"
    for length, unit in ((1_440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= length:
            number = minutes // length
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    raise AssertionError("a minute is a minute")


def behind(level: str, since: timedelta | None) -> str:
    """What to say of news that does not lie outside; nothing while that is as it should be."""
    if level == "ok" or since is None:
        return ""
    return f"what happened since {ago(since)} is missing there"


#: What to say where a page would take too long.
TOO_LONG: Final = (
    "This log is too long to be checked while a page waits: run manage.py audit_verify on the server,"
    " or export it and check the file."
)


def verified(events: int, requests: int, seconds: float) -> str:
    """What a check that found nothing wrong comes to."""
    held = "1 request is" if requests == 1 else f"{requests:,} requests are"
    return f"{count(events)}, unbroken; {held} as the log tells. Checked in {seconds:.1f} s."


def count(number: int) -> str:
    """A number of events: ``12,431 events``, ``1 event``."""
    return f"{number:,} event{'' if number == 1 else 's'}"
