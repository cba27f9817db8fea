"""Channels for whoever administers them: how each fares, and the changes that administrators make.

The same for the page and the API; addresses of services that only tell are the operator's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from approvals import read
from approvals.access import Reader
from core.db import pool
from core.problems import conflict, not_found
from notifications import channels, trials
from notifications.channels import Brief, SlackApp, Standing
from notifications.slack.advice import todo
from notifications.trials import Trial
from oversight.access import may_administer, must_administer
from people.models import Person
from policies import active


@dataclass(frozen=True, slots=True)
class RoleChannel:
    """A role's channel in Slack, as the policy names it.

    ``state`` is ``works``, ``untried`` (nothing was posted there yet), ``broken`` or ``no_app``.
    """

    role: str
    title: str
    channel: str
    installation: UUID | None
    state: str
    since: datetime | None = None
    reason: str = ""

    @property
    def todo(self) -> str:
        """What to do where it is broken."""
        return todo(self.reason)


@dataclass(frozen=True, slots=True)
class MailServer:
    """What mails go through; the server's name and port, never how it is signed in to."""

    server: str
    sender: str


@dataclass(frozen=True, slots=True)
class Overview:
    """The channels of a workspace, for its administrators."""

    standing: Standing
    roles: tuple[RoleChannel, ...]
    mail: MailServer | None
    trials: tuple[Trial, ...]

    @property
    def any(self) -> bool:
        """Whether anybody can be told by anything."""
        apps = any(app.state != "removed" for app in self.standing.apps)
        found = self.standing
        return bool(apps or self.mail or found.push_browsers or found.others)


def overview(*, reader: Reader) -> Overview:
    """How every channel fares.

    Raises:
        Problem: 403.
    """
    must_administer(reader)
    found = channels.standing(workspace=reader.workspace_id)
    return Overview(
        standing=found,
        roles=role_channels(reader.workspace_id, found),
        mail=mail_server(),
        trials=tuple(trials.newest(workspace=reader.workspace_id)),
    )


def mail_server() -> MailServer | None:
    """What mails go through; None where no mail is sent."""
    server = settings.SMTP
    return None if server is None else MailServer(server.shown, settings.MAIL_FROM.address)


def role_channels(workspace: UUID, found: Standing | Brief) -> tuple[RoleChannel, ...]:
    """The Slack channels that the active policy names, and whether each takes posts."""
    with pool().connection() as conn:
        document = active.document_of(conn, workspace)
    if document is None:
        return ()
    named = [role for role in document.roles.values() if role.slack]
    return tuple(_role_channel(role.name, role.title, role.slack or "", found) for role in named)


def _role_channel(role: str, title: str, place: str, found: Standing | Brief) -> RoleChannel:
    """As `notifications.lining_up` chooses: ``TEAM/CHANNEL`` names its team, a channel alone is the first's."""
    team, _, address = place.rpartition("/")
    apps = [
        app
        for app in found.apps
        if app.state != "removed" and team in ("", app.team or app.enterprise)
    ]
    apps.sort(key=lambda app: app.state != "active")
    if not apps:
        return RoleChannel(role, title, place, None, "no_app")
    app = apps[0]
    if app.state == "broken":
        return RoleChannel(role, title, place, app.id, "broken", app.changed_at, app.reason)
    lane = found.lanes.get((app.id, address))
    if lane is None:
        return RoleChannel(role, title, place, app.id, "untried")
    if lane.broken_at is not None:
        return RoleChannel(role, title, place, app.id, "broken", lane.broken_at, lane.reason)
    return RoleChannel(role, title, place, app.id, "works")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with channels; ``none``: not one is set up, which is not wrong, but worth saying."""

    apps: tuple[SlackApp, ...] = ()
    roles: tuple[RoleChannel, ...] = ()
    unreached: int = 0
    none: bool = False

    def __bool__(self) -> bool:
        return bool(self.apps or self.roles or self.unreached)


def trouble(*, reader: Reader) -> Trouble:
    """What an administrator ought to mend; nothing for everybody else."""
    if not may_administer(reader):
        return Trouble()
    found = channels.brief(workspace=reader.workspace_id)
    broken = tuple(app for app in found.apps if app.state == "broken")
    named = role_channels(reader.workspace_id, found)
    apps = {app.id for app in broken}
    return Trouble(
        apps=broken,
        roles=tuple(
            one
            for one in named
            if one.state in ("broken", "no_app") and one.installation not in apps
        ),
        unreached=found.unreached,
        none=not (
            settings.SMTP or found.any_other or any(app.state != "removed" for app in found.apps)
        ),
    )


def unreached_titles(*, reader: Reader, found: Standing) -> Mapping[UUID, str]:
    """The titles of requests that told nobody, as far as this person may see them."""
    with pool().connection() as conn:
        rows = read.visible(conn, reader, [one for one, _ in found.unreached])
    return {row.id: row.title for row in rows}


def app_of(*, reader: Reader, installation: UUID) -> SlackApp:
    """One app that is connected.

    Raises:
        Problem: 403; 404 also where it was taken out.
    """
    must_administer(reader)
    with pool().connection() as conn:
        found = channels.apps(conn, reader.workspace_id, installation)
    if not found or found[0].state == "removed":
        raise not_found()
    return found[0]


def try_slack(*, reader: Reader, installation: UUID, channel: str) -> Trial:
    """Post a test in a Slack channel.

    Args:
        channel: its id, which may be a role's.

    Raises:
        Problem: 403; 404; 409 ``slack_broken``; 422 at ``/channel``.
    """
    must_administer(reader)
    named = role_channels(reader.workspace_id, channels.brief(workspace=reader.workspace_id))
    roles = [
        one.role
        for one in named
        if (one.installation, one.channel.rpartition("/")[2]) == (installation, channel)
    ]
    workspace = reader.workspace_id
    id = trials.slack(
        workspace=workspace,
        installation=installation,
        channel=channel,
        role=roles[0] if roles else "",
    )
    return trials.one(workspace=workspace, notification=id)


def try_mail(*, reader: Reader) -> Trial:
    """Send the person who asks a test mail.

    Raises:
        Problem: 403; 409 ``no_mail_server``.
    """
    must_administer(reader)
    if settings.SMTP is None:
        raise conflict("no_mail_server", "This server sends no mail: set ASSENTRY_SMTP_URL.")
    id = trials.mail(person=Person.objects.get(id=reader.person_id))
    return trials.one(workspace=reader.workspace_id, notification=id)
