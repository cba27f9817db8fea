"""What Slack sends to an app, in its own shapes; https://docs.slack.dev/reference/interaction-payloads"""

from __future__ import annotations

import re
import secrets
from typing import Any, Final

from demo.slack.chat import shown
from demo.slack.state import Channel, Message, State, Team, User, View

#: The deprecated token that payloads still carry; an app must rest nothing on it.
TOKEN: Final = "Jhj5dZrVaK7ZwHHjRyZWjbDl"
_ADDRESS: Final = re.compile(r"https?://[^\s<>|]+")


def block_actions(
    state: State,
    team: Team,
    user: User,
    where: Message | View,
    action: dict[str, Any],
) -> dict[str, Any]:
    """A person acted on an element of a message or a view."""
    if isinstance(where, View):
        trigger = state.trigger(team.id, user.id, None if where.home else where.id)
        container = {"type": "view", "view_id": where.id}
        rest: dict[str, Any] = {"container": container, "view": where.body}
    else:
        trigger = state.trigger(team.id, user.id)
        rest = _message(team, where)
    return {
        "type": "block_actions",
        **_who(team, user),
        "trigger_id": trigger,
        **rest,
        "actions": [{**action, "action_ts": state.ts()}],
    }


def view_submission(
    state: State, team: Team, user: User, view: View, values: dict[str, Any]
) -> dict[str, Any]:
    """A person sent a modal."""
    return {
        "type": "view_submission",
        **_who(team, user),
        "trigger_id": state.trigger(team.id, user.id, view.id),
        "view": {**view.body, "state": {"values": values}},
        "response_urls": [],
    }


def view_closed(team: Team, user: User, view: View, *, cleared: bool) -> dict[str, Any]:
    """A person closed a modal."""
    told = {"view": view.body, "is_cleared": cleared}
    return {"type": "view_closed", **_who(team, user), **told}


def command(
    state: State, team: Team, user: User, channel: Channel, name: str, text: str
) -> dict[str, str]:
    """A person wrote a slash command; a form, not JSON."""
    told = {
        "token": TOKEN,
        "team_id": team.id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": name,
        "text": text,
        "api_app_id": team.app_id,
        "is_enterprise_install": "true" if team.org_install else "false",
        "response_url": _response_url("commands", team),
        "trigger_id": state.trigger(team.id, user.id),
    }
    if team.enterprise:
        told |= {"enterprise_id": team.enterprise, "enterprise_name": "Enterprise"}
    return told


def event_callback(state: State, team: Team, event: dict[str, Any]) -> dict[str, Any]:
    """The envelope around every event."""
    authorization = {
        "enterprise_id": team.enterprise,
        "team_id": None if team.org_install else team.id,
        "user_id": team.bot_user,
        "is_bot": True,
        "is_enterprise_install": team.org_install,
    }
    told: dict[str, Any] = {
        "token": TOKEN,
        "team_id": team.id,
        "context_team_id": team.id,
        "context_enterprise_id": team.enterprise,
        "api_app_id": team.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(state.now()),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_urlsafe(24)}",
    }
    return {**told, "enterprise_id": team.enterprise} if team.enterprise else told


def message_event(team: Team, channel: Channel, message: Message) -> dict[str, Any]:
    """Somebody said something, the app itself perhaps."""
    kind = "im" if channel.direct else ("group" if channel.private else "channel")
    told = shown(team, message)
    if not message.bot:  # what an app posts has no subtype, only a `bot_id`
        told["client_msg_id"] = secrets.token_hex(16)
        words = [{"type": "text", "text": message.text}]
        section = {"type": "rich_text_section", "elements": words}
        told["blocks"] = [{"type": "rich_text", "block_id": "r", "elements": [section]}]
    if message.thread_ts in channel.messages:
        told["parent_user_id"] = channel.messages[message.thread_ts or ""].user
    return {**told, "channel": channel.id, "event_ts": message.ts, "channel_type": kind}


def typed(text: str) -> str:
    """What a person typed, as Slack passes it on: escaped, addresses marked up."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _ADDRESS.sub(lambda found: f"<{found.group()}>", escaped)


def _who(team: Team, user: User) -> dict[str, Any]:
    """What every interaction says of who, where and through which installation."""
    enterprise = {"id": team.enterprise, "name": "Enterprise"} if team.enterprise else None
    there: dict[str, Any] | None = {"id": team.id, "domain": team.domain}
    if team.org_install:
        there = None
    elif there is not None and team.enterprise:
        there |= {"enterprise_id": team.enterprise, "enterprise_name": "Enterprise"}
    person = {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team}
    return {
        "user": person,
        "api_app_id": team.app_id,
        "token": TOKEN,
        "team": there,
        "enterprise": enterprise,
        "is_enterprise_install": team.org_install,
    }


def _message(team: Team, message: Message) -> dict[str, Any]:
    """A message as what was acted on; of an ephemeral one the app is not told what stood there."""
    channel = team.channels[message.channel]
    container: dict[str, Any] = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.only_for is not None,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    told: dict[str, Any] = {
        "container": container,
        "channel": {"id": channel.id, "name": channel.name},
        "state": {"values": {}},
        "response_url": _response_url("actions", team),
    }
    return told if message.only_for else {**told, "message": shown(team, message)}


def _response_url(kind: str, team: Team) -> str:
    """Where an app may answer later: at Slack's own host, so that whoever follows it leaves this machine."""
    number = secrets.randbelow(10**12)
    return f"https://hooks.slack.com/{kind}/{team.id}/{number}/{secrets.token_urlsafe(18)}"
