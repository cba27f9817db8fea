"""Apps in Slack that speak for a workspace: connected, mended, taken out; each with its event."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record
from core import ids
from core.canonical import canonical
from core.clock import ClockTimestamp
from core.due import INSERT_DUE, Promise, due_rows
from core.problems import FieldError, Problem, conflict, invalid, not_found
from notifications.models import Notification, SlackBinding, SlackInstallation
from notifications.slack import client
from notifications.slack.client import App, AppRefused, SlackFailure
from notifications.slack.secrets import open_, seal
from notifications.sql import SLACK, TELL
from people.models import Workspace
from signing.sealing import CannotOpen

#: How long Slack's requests may still be signed with the secret before.
OVERLAP: Final = timedelta(hours=24)
#: What has ended meanwhile is withdrawn when its turn comes.
_AGAIN: Final = """
WITH again AS (
    UPDATE notifications_notification n SET state = 'pending', due_at = clock_timestamp()
      FROM notifications_lane l
     WHERE l.id = n.lane_id AND l.installation_id = %s AND n.state = 'failed' AND n.kind = 'asked'
       AND n.reason = %s AND n.created_at > clock_timestamp() - interval '7 days'
    RETURNING n.lane_id
)
SELECT DISTINCT lane_id, clock_timestamp() FROM again
"""
_UNREACHED: Final = """
SELECT request_id, clock_timestamp() FROM notifications_unreached
 WHERE workspace_id = %s AND over_at IS NULL
"""
_BOT_TOKEN: Final = re.compile(r"xoxb-[A-Za-z0-9-]{10,250}")
_APP_TOKEN: Final = re.compile(r"xapp-[A-Za-z0-9-]{10,250}")
_SECRET: Final = re.compile(r"[0-9a-zA-Z]{16,128}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an administrator typed; None: as it is."""

    bot_token: str | None = None
    signing_secret: str | None = None
    #: For Socket Mode; empty takes it away.
    app_token: str | None = None


def connect(*, actor: Actor, workspace: Workspace, wanted: Wanted) -> SlackInstallation:
    """Connect an app, after asking Slack who it is; one that was connected before is mended.

    Raises:
        Problem: 422 naming the field; Slack's own word for why it refuses the token.
    """
    faults = _faults(wanted)
    for name in ("bot_token", "signing_secret"):
        if not getattr(wanted, name):
            faults.append(FieldError(f"/{name}", "missing", "It stands on the app's own page."))
    if faults:
        raise invalid(faults)
    who = _who(wanted.bot_token or "")
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(id=workspace.id)
        known = SlackInstallation.objects.filter(
            Q(team_id=who.team) & Q(enterprise_id=who.enterprise),
            workspace=workspace,
            app_id=who.app,
        ).exclude(state=SlackInstallation.State.REMOVED)
        found = known.first()
        if found is not None:
            return _replace(actor, found, wanted, who.bot_user)
        id = ids.uuid7()
        made = SlackInstallation.objects.create(
            id=id,
            workspace=workspace,
            app_id=who.app,
            team_id=who.team,
            enterprise_id=who.enterprise,
            name=who.name[:120],
            bot_user_id=who.bot_user,
            bot_token=seal(id, "bot_token", wanted.bot_token or ""),
            signing_secret=seal(id, "signing_secret", wanted.signing_secret or ""),
            app_token=seal(id, "app_token", wanted.app_token) if wanted.app_token else None,
        )
        names = canonical({"app": who.app, "team": who.team, "enterprise": who.enterprise})
        record(
            actor=actor,
            workspace=workspace.id,
            subject=("sla", id),
            data=kinds.SlackInstalled(),
            commits={"names": Commitment(names)},
        )
    return made


def change(
    *, actor: Actor, workspace: UUID, installation: UUID, wanted: Wanted
) -> SlackInstallation:
    """Replace secrets of an installation; the signing secret before counts for a day more.

    Raises:
        Problem: 404; 409 ``other_app``; 422 naming the field.
    """
    faults = _faults(wanted)
    if faults:
        raise invalid(faults)
    who = _who(wanted.bot_token) if wanted.bot_token else None
    with transaction.atomic():
        found = _locked(workspace, installation)
        if who is not None and (who.app, who.team, who.enterprise) != (
            found.app_id,
            found.team_id,
            found.enterprise_id,
        ):
            raise conflict(
                "other_app", "This token is of another app or team: connect that one by itself."
            )
        return _replace(actor, found, wanted, who.bot_user if who else found.bot_user_id)


def remove(*, actor: Actor, workspace: UUID, installation: UUID, by: str = "hand") -> None:
    """Take an app out: its secrets go, nobody is bound to it any more, other channels take over.

    Raises:
        Problem: 404.
    """
    with transaction.atomic():
        found = _locked(workspace, installation)
        ended = SlackBinding.objects.filter(installation=found, ended_at=None).update(
            ended_at=ClockTimestamp()
        )
        found.state = SlackInstallation.State.REMOVED
        found.reason = ""
        for name in ("bot_token", "signing_secret", "app_token", "earlier_secret"):
            setattr(found, name, None)
        found.earlier_until = None
        found.changed_at = ClockTimestamp()
        found.save()
        record(
            actor=actor,
            workspace=workspace,
            subject=("sla", installation),
            data=kinds.SlackRemoved(by=by, bindings=ended),
        )
        _fail_what_waits(workspace, found)


def try_out(*, actor: Actor, workspace: UUID, installation: UUID) -> SlackInstallation:
    """Ask Slack whether it takes the app; one that was marked broken works again then.

    Raises:
        Problem: 404; 409 ``secrets_unreadable``; 422 at ``/bot_token`` or 502 ``slack_unreachable``, with Slack's own word.
    """
    found = _one(workspace, installation)
    token = _opened(found, "bot_token")
    if token is None:
        raise conflict(
            "secrets_unreadable",
            "The key that sealed its secrets is not given to this server: replace the secrets.",
        )
    who = _who(token)
    with transaction.atomic():
        found = _locked(workspace, installation)
        _recover(actor, found)
        found.bot_user_id = who.bot_user
        found.save()
    return found


@dataclass(frozen=True, slots=True)
class _Who:
    """Whom a token speaks for, as Slack says."""

    app: str
    team: str | None
    enterprise: str | None
    name: str
    bot_user: str


def _who(token: str) -> _Who:
    app = App(ids.uuid7(), ids.uuid7(), token)
    try:
        said = client.call(app, "auth.test", {})
        bot = client.call(app, "bots.info", {"bot": str(said.get("bot_id", ""))})
    except AppRefused as failure:
        fault = FieldError("/bot_token", "slack_refused", f"Slack refuses it: {failure}.")
        raise invalid([fault]) from failure
    except SlackFailure as failure:
        raise Problem(
            502, "slack_unreachable", "Slack did not answer", f"Slack said: {failure}. Try again."
        ) from failure
    whole = bool(said.get("is_enterprise_install"))
    return _Who(
        app=str(bot.get("bot", {}).get("app_id", "")),
        team=None if whole else str(said.get("team_id", "")),
        enterprise=str(said["enterprise_id"]) if said.get("enterprise_id") else None,
        name=str(said.get("team", "")) or "Slack",
        bot_user=str(said.get("user_id", "")),
    )


def _faults(wanted: Wanted) -> list[FieldError]:
    shapes = {
        "bot_token": (_BOT_TOKEN, "A bot token begins with xoxb-."),
        "signing_secret": (_SECRET, "A signing secret is 16 to 128 letters and digits."),
        "app_token": (_APP_TOKEN, "An app-level token begins with xapp-."),
    }
    return [
        FieldError(f"/{name}", "malformed", said)
        for name, (shape, said) in shapes.items()
        if getattr(wanted, name) and not shape.fullmatch(getattr(wanted, name))
    ]


def _replace(
    actor: Actor, found: SlackInstallation, wanted: Wanted, bot_user: str
) -> SlackInstallation:
    replaced = []
    if wanted.bot_token:
        found.bot_token = seal(found.id, "bot_token", wanted.bot_token)
        found.bot_user_id = bot_user
        replaced.append("bot_token")
    before = _opened(found, "signing_secret")
    if wanted.signing_secret and wanted.signing_secret != before:
        # One that cannot be opened verifies nothing.
        found.earlier_secret = None if before is None else found.signing_secret
        found.earlier_until = None if before is None else ClockTimestamp() + OVERLAP
        found.signing_secret = seal(found.id, "signing_secret", wanted.signing_secret)
        replaced.append("signing_secret")
    if wanted.app_token is not None:
        found.app_token = (
            seal(found.id, "app_token", wanted.app_token) if wanted.app_token else None
        )
        replaced.append("app_token")
    if replaced:
        record(
            actor=actor,
            workspace=found.workspace_id,
            subject=("sla", found.id),
            data=kinds.SlackChanged(replaced=replaced),
        )
    if wanted.bot_token:
        _recover(actor, found)
    found.changed_at = ClockTimestamp()
    found.save()
    found.refresh_from_db()
    return found


def _opened(found: SlackInstallation, name: str) -> str | None:
    """A secret; None where the key that sealed it is not given."""
    try:
        return open_(found.id, name, bytes(getattr(found, name) or b""))
    except CannotOpen:
        return None


def _recover(actor: Actor, found: SlackInstallation) -> None:
    if found.state != SlackInstallation.State.BROKEN:
        return
    _post_what_failed(found)
    found.state, found.reason = SlackInstallation.State.ACTIVE, ""
    record(
        actor=actor,
        workspace=found.workspace_id,
        subject=("sla", found.id),
        data=kinds.SlackRecovered(channel=None),
    )


def _post_what_failed(found: SlackInstallation) -> None:
    """Post what could not be while Slack refused the app, where it still asks something."""
    with connection.cursor() as cursor:
        cursor.execute(_AGAIN, [found.id, found.reason])
        rows = cursor.fetchall()
        promises = [Promise(SLACK, found.workspace_id, lane, now) for lane, now in rows]
        cursor.execute(_UNREACHED, [found.workspace_id])
        unreached = cursor.fetchall()
        promises += [Promise(TELL, found.workspace_id, one, now) for one, now in unreached]
        cursor.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows(promises))


def _fail_what_waits(workspace: UUID, found: SlackInstallation) -> None:
    """Let other channels take over what would have been posted."""
    waiting = Notification.objects.filter(lane__installation=found, state="pending")
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
        requests = set(waiting.exclude(request_id=None).values_list("request_id", flat=True))
        promises = [Promise(TELL, workspace, one, now) for one in requests if one is not None]
        cursor.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows(promises))
    waiting.update(state=Notification.State.FAILED, reason="removed")


def _locked(workspace: UUID, installation: UUID) -> SlackInstallation:
    return _live(SlackInstallation.objects.select_for_update(), workspace, installation)


def _one(workspace: UUID, installation: UUID) -> SlackInstallation:
    return _live(SlackInstallation.objects.all(), workspace, installation)


def _live(
    known: QuerySet[SlackInstallation], workspace: UUID, installation: UUID
) -> SlackInstallation:
    found = known.filter(workspace_id=workspace, id=installation)
    one = found.exclude(state=SlackInstallation.State.REMOVED).first()
    if one is None:
        raise not_found()
    return one
