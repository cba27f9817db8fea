"""The methods of Slack's API that there are, and the small ones themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from demo.slack import chat, views
from demo.slack.arguments import Arguments
from demo.slack.errors import SlackError
from demo.slack.state import Channel, State, Team, User

Method = Callable[[State, Team, Arguments], dict[str, Any]]


def auth_test(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """auth.test: whose token it is."""
    told = {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": "assentry",
        "team_id": team.id,
        "user_id": team.bot_user,
        "bot_id": team.bot_id,
        "is_enterprise_install": team.org_install,
    }
    return {**told, "enterprise_id": team.enterprise} if team.enterprise else told


def conversations_open(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """conversations.open: the direct message with one person; groups are not played here."""
    users = given.text("users")
    if not users:
        raise SlackError("users_list_not_supplied")
    if users == team.bot_user:
        raise SlackError("cannot_dm_bot")
    user = _user(team, users)
    if user.deleted:
        raise SlackError("user_disabled")
    channel = team.dm(user.id)
    before, channel.opened = channel.opened, True
    again = {"no_op": True, "already_open": True} if before else {}
    whole = _channel(team, channel) if given.flag("return_im") else {"id": channel.id}
    return {**again, "channel": whole}


def conversations_info(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """conversations.info."""
    found = chat.find_channel(team, given.required("channel"), people=False)
    return {"channel": _channel(team, found)}


def conversations_members(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """conversations.members: in a channel everybody is."""
    found = chat.find_channel(team, given.required("channel"), people=False)
    people = [found.user] if found.user else list(team.users)
    bot = [team.bot_user] if found.member else []
    return {"members": [*people, *bot], "response_metadata": {"next_cursor": ""}}


def users_info(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """users.info."""
    user = _user(team, given.required("user"))
    profile = {
        "real_name": user.real_name,
        "display_name": user.name,
        "email": user.email,
        "team": team.id,
    }
    told = {
        "id": user.id,
        "team_id": team.id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "tz": "Europe/Zurich",
        "tz_offset": 3600,
        "profile": profile,
        "is_bot": False,
        "is_app_user": False,
        "updated": int(state.now()),
    }
    return {"user": told}


def bots_info(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """bots.info: which app a bot belongs to."""
    if given.required("bot") != team.bot_id:
        raise SlackError("bot_not_found")
    told = {"id": team.bot_id, "deleted": False, "name": "assentry", "updated": int(state.now())}
    return {"bot": {**told, "app_id": team.app_id, "user_id": team.bot_user}}


#: By name; what else is called is an unknown method.
METHODS: Final[dict[str, Method]] = {
    "auth.test": auth_test,
    "bots.info": bots_info,
    "chat.postMessage": chat.post_message,
    "chat.update": chat.update,
    "chat.delete": chat.delete,
    "chat.postEphemeral": chat.post_ephemeral,
    "chat.getPermalink": chat.get_permalink,
    "conversations.open": conversations_open,
    "conversations.info": conversations_info,
    "conversations.members": conversations_members,
    "users.info": users_info,
    "views.open": views.open_view,
    "views.update": views.update,
    "views.push": views.push,
    "views.publish": views.publish,
}


def _user(team: Team, name: str) -> User:
    if name not in team.users:
        raise SlackError("user_not_found")
    return team.users[name]


def _channel(team: Team, channel: Channel) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": channel.id,
        "created": 1_700_000_000,
        "is_archived": channel.archived,
        "is_im": channel.direct,
        "context_team_id": team.id,
    }
    if channel.user:
        return {**told, "user": channel.user, "is_org_shared": False}
    return {
        **told,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.private,
        "is_group": channel.private,
        "is_mpim": False,
        "is_private": channel.private,
        "is_general": False,
        "is_member": channel.member,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(team.users),
    }
