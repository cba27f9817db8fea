"""What to do about each of Slack's words for a refusal.  Source: https://docs.slack.dev/reference/methods."""

from __future__ import annotations

from typing import Final

_TOKEN: Final = "Install the app in Slack again, and replace the bot token here."
_SCOPES: Final = "Compare the app's scopes with the manifest, install it again, then try again."
_INVITE: Final = "Invite the app there: /invite @Assentry."
_ARCHIVED: Final = "Restore the channel in Slack, or name another one in the policy."

ADVICE: Final = {
    "account_inactive": _TOKEN,
    "channel_is_limited_access": _INVITE,
    "channel_not_found": "Check the channel's id in the policy. Of a private channel: invite the app.",
    "invalid_auth": _TOKEN,
    "is_archived": _ARCHIVED,
    "is_inactive": _ARCHIVED,
    "messages_tab_disabled": "Switch the messages tab of the app's home on, in its settings in Slack.",
    "missing_scope": _SCOPES,
    "no_permission": _SCOPES,
    "not_allowed_token_type": "Paste the bot token: it begins with xoxb-.",
    "not_authed": _TOKEN,
    "not_in_channel": _INVITE,
    "org_login_required": "Slack moves this workspace to another organisation: try again later.",
    "restricted_action": "Let apps post in this channel, in its settings in Slack.",
    "restricted_action_read_only_channel": "Let apps post in this channel, in its settings in Slack.",
    "team_access_not_granted": "Let the organisation's app into this workspace, in Slack.",
    "token_expired": "Switch token rotation of the app off, and replace the bot token here.",
    "token_revoked": _TOKEN,
    "user_disabled": "This Slack user was deactivated: they connect another one.",
    "user_not_found": "This Slack user is gone: they connect another one.",
}


def todo(reason: str) -> str:
    """What to do, in a sentence or two; for a word that is not known, where Slack explains it."""
    known = "Look the word up at https://docs.slack.dev/reference/methods/chat.postMessage."
    return ADVICE.get(reason, known) if reason else ""
