"""chat.*: what the app says in channels."""

from __future__ import annotations

import copy
import re
import secrets
from typing import Any, Final

from demo.slack import blocks as block_kit
from demo.slack.arguments import Arguments
from demo.slack.errors import SlackError
from demo.slack.state import Channel, Message, State, Team

#: Characters of a message's text; https://docs.slack.dev/reference/methods/chat.postMessage
LONGEST_TEXT: Final = 40_000
#: chat.update takes less, and counts bytes after &, < and > are escaped.
LONGEST_UPDATE: Final = 4_000
_LOOSE_AMPERSAND: Final = re.compile(r"&(?!(?:amp|lt|gt);)")
_LOOSE_LESS: Final = re.compile(r"<(?![@#!]|https?:|mailto:|slack:)")


def post_message(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """chat.postMessage."""
    channel = find_channel(team, given.required("channel"))
    _may_post(channel)
    text, blocks = _content(given)
    thread = _thread(channel, given)
    message = Message(
        team.id, channel.id, state.ts(), team.bot_user, text, blocks, thread, bot=True
    )
    message.metadata = given.structure("metadata")
    channel.messages[message.ts] = message
    return {"channel": channel.id, "ts": message.ts, "message": shown(team, message)}


def post_ephemeral(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """chat.postEphemeral: seen by one person, gone with the next reload, never updated."""
    channel = find_channel(team, given.required("channel"))
    user = given.required("user")
    _may_post(channel)
    if user not in team.users or channel.user not in (None, user):
        raise SlackError("user_not_in_channel")
    text, blocks = _content(given)
    ts = state.ts()
    channel.messages[ts] = Message(
        team.id, channel.id, ts, team.bot_user, text, blocks, _thread(channel, given), True, user
    )
    return {"message_ts": ts}


def update(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """chat.update: blocks go where only text is given, and text stays where only blocks are.

    A person's id does not stand for the direct message with them here, unlike in chat.postMessage.
    """
    channel = find_channel(team, given.required("channel"), people=False)
    message = _own(team, channel, given.required("ts"), "cant_update_message")
    if channel.archived:
        raise SlackError("is_archived")
    text, blocks = _content(given)
    if len(_escaped(text).encode()) > LONGEST_UPDATE:
        raise SlackError("msg_too_long")
    message.versions.append({"text": message.text, "blocks": message.blocks})
    if "text" in given:
        message.text = text
    message.blocks = blocks
    message.edited = None if blocks else state.ts()  # marked as edited only where text is shown
    answer = {"channel": channel.id, "ts": message.ts, "text": message.text}
    return {**answer, "message": shown(team, message)}


def delete(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """chat.delete."""
    channel = find_channel(team, given.required("channel"), people=False)
    message = _own(team, channel, given.required("ts"), "cant_delete_message")
    message.deleted = True
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """chat.getPermalink."""
    channel = find_channel(team, given.required("channel"), people=False)
    message = _present(channel, given.required("message_ts"))
    link = f"https://{team.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def find_channel(team: Team, name: str, *, people: bool = True) -> Channel:
    """The channel of an id or a ``#name``; a person's id stands for the direct message with them.

    Raises:
        SlackError: channel_not_found.
    """
    if people and name in team.users:
        return team.dm(name)
    channel = team.channels.get(name)
    if channel is None:
        wanted = name.removeprefix("#")
        found = (one for one in team.channels.values() if one.name == wanted and not one.direct)
        channel = next(found, None)
    if channel is None or (channel.private and not channel.member):
        raise SlackError("channel_not_found")
    return channel


def shown(team: Team, message: Message) -> dict[str, Any]:
    """A message as Slack writes it in answers, payloads and events."""
    body: dict[str, Any] = {"type": "message", "user": message.user, "ts": message.ts}
    body |= {"text": message.text, "team": team.id}
    if message.bot:
        body |= {"bot_id": team.bot_id, "app_id": team.app_id}
        body["bot_profile"] = {
            "id": team.bot_id,
            "app_id": team.app_id,
            "user_id": team.bot_user,
            "name": "assentry",
            "deleted": False,
            "team_id": team.id,
        }
    if message.blocks:
        body["blocks"] = copy.deepcopy(message.blocks)
    if message.thread_ts:
        body["thread_ts"] = message.thread_ts
    if message.edited:
        body["edited"] = {"user": message.user, "ts": message.edited}
    if message.metadata:
        body["metadata"] = message.metadata
    return body


def named(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks with the ids that Slack gives to those that have none."""
    made = copy.deepcopy(blocks)
    for block in made:
        block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
        inside = [*block.get("elements", []), block.get("accessory"), block.get("element")]
        for element in inside:
            if isinstance(element, dict) and element.get("type") in block_kit.ACTING:
                element.setdefault("action_id", secrets.token_urlsafe(4)[:5])
    return made


def _content(given: Arguments) -> tuple[str, list[dict[str, Any]]]:
    text = given.text("text")
    blocks = given.structure("blocks", "invalid_blocks_format")
    if blocks is not None and not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if not text.strip() and not blocks and not given.get("attachments"):
        raise SlackError("no_text")
    if len(text) > LONGEST_TEXT:
        raise SlackError("msg_too_long")
    problems = block_kit.message_problems(blocks or [])
    if problems:
        raise SlackError("invalid_blocks", problems)
    return text, named(blocks or [])


def _may_post(channel: Channel) -> None:
    if channel.archived:
        raise SlackError("is_archived")
    if not channel.member:
        raise SlackError("not_in_channel")


def _thread(channel: Channel, given: Arguments) -> str | None:
    """The message whose thread it goes to; a reply's own `ts` names the thread it stands in."""
    ts = given.text("thread_ts")
    if not ts:
        return None
    parent = channel.messages.get(ts)
    if parent is None or parent.only_for:
        raise SlackError("thread_not_found")
    return parent.thread_ts or parent.ts


def _present(channel: Channel, ts: str) -> Message:
    message = channel.messages.get(ts)
    if message is None or message.deleted or message.only_for:
        raise SlackError("message_not_found")
    return message


def _own(team: Team, channel: Channel, ts: str, refusal: str) -> Message:
    message = _present(channel, ts)
    if message.user != team.bot_user:
        raise SlackError(refusal)
    return message


def _escaped(text: str) -> str:
    """Text as Slack stores it: what is escaped or markup stays, what is not becomes escaped."""
    return _LOOSE_LESS.sub("&lt;", _LOOSE_AMPERSAND.sub("&amp;", text))
