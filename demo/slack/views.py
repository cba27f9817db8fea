"""views.*: modals before a person, which only a fresh trigger opens, and App Homes."""

from __future__ import annotations

import json
from typing import Any, Final

from demo.slack import blocks as block_kit
from demo.slack.arguments import Arguments
from demo.slack.chat import named
from demo.slack.errors import SlackError, missing
from demo.slack.state import TRIGGER_S, State, Team, Trigger, View, hash_of

#: Views of one stack: the root and two more.
DEEPEST: Final = 3
LARGEST_BYTES: Final = 250_000


def open_view(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """views.open."""
    body = _body(given, "modal")
    trigger = exchange(state, team, given.required("trigger_id"))
    view = place(state, team, trigger.user, body, None)
    return {"view": view.body}


def push(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """views.push: only from within a modal."""
    body = _body(given, "modal")
    trigger = exchange(state, team, given.required("trigger_id"))
    below = team.views.get(trigger.view or "")
    if below is None or below.home:
        raise SlackError("not_found")
    if sum(one.root == below.root for one in team.open_views(trigger.user)) >= DEEPEST:
        raise SlackError("push_limit_reached")
    return {"view": place(state, team, trigger.user, body, below).body}


def update(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """views.update: by `view_id` or `external_id`; a `hash` that is not the latest is refused."""
    view_id, external = given.text("view_id"), given.text("external_id")
    if not view_id and not external:
        raise missing("view_id")
    body = _body(given, "modal")
    view = team.views.get(view_id) if view_id else _by_external(team, external)
    if view is None or view.state != "open":
        raise SlackError("not_found")
    _is_latest(view, given.text("hash"))
    replace(state, team, view, body)
    return {"view": view.body}


def publish(state: State, team: Team, given: Arguments) -> dict[str, Any]:
    """views.publish: a person's App Home, made or replaced."""
    user = given.required("user_id")
    body = _body(given, "home")
    if user not in team.users:
        raise SlackError("user_not_found")
    view = team.home_of(user)
    if view is None:
        return {"view": place(state, team, user, body, None).body}
    _is_latest(view, given.text("hash"))
    replace(state, team, view, body)
    return {"view": view.body}


def exchange(state: State, team: Team, name: str) -> Trigger:
    """Use a trigger up.

    Raises:
        SlackError: invalid_trigger_id, exchanged_trigger_id or expired_trigger_id.
    """
    trigger = state.triggers.get(name)
    if trigger is None or trigger.team != team.id:
        raise SlackError("invalid_trigger_id")
    if trigger.used:
        raise SlackError("exchanged_trigger_id")
    if state.clock() - trigger.at > TRIGGER_S:
        raise SlackError("expired_trigger_id")
    trigger.used = True
    return trigger


def place(state: State, team: Team, user: str, body: dict[str, Any], below: View | None) -> View:
    """Put a view before a person, over `below` where it is pushed."""
    external = body.get("external_id")
    if external and _by_external(team, external):
        raise SlackError("duplicate_external_id")
    name = state.view_id()
    root = below.root if below else name
    view = View(name, team.id, user, {}, "", root, below.id if below else None)
    team.views[name] = view
    replace(state, team, view, body)
    return view


def replace(state: State, team: Team, view: View, body: dict[str, Any]) -> None:
    """Give a view another body, as Slack writes it in answers and payloads."""
    view.hash, view.errors = hash_of(state), {}
    view.body = {
        "id": view.id,
        "team_id": team.id,
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        **body,
        "blocks": named(body["blocks"]),
        "state": {"values": {}},
        "hash": view.hash,
        "clear_on_close": bool(body.get("clear_on_close")),
        "notify_on_close": bool(body.get("notify_on_close")),
        "close": body.get("close"),
        "submit": body.get("submit"),
        "title": body.get("title"),
        "previous_view_id": view.previous,
        "root_view_id": view.root,
        "app_id": team.app_id,
        "app_installed_team_id": team.enterprise if team.org_install else team.id,
        "bot_id": team.bot_id,
    }


def _body(given: Arguments, kind: str) -> dict[str, Any]:
    view = given.structure("view")
    if view is None:
        raise missing("view")
    problems = block_kit.view_problems(view, kind)
    if problems:
        raise SlackError("invalid_arguments", problems)
    if len(json.dumps(view).encode()) > LARGEST_BYTES:
        raise SlackError("view_too_large")
    body: dict[str, Any] = view
    return body


def _by_external(team: Team, name: str) -> View | None:
    there = (one for one in team.views.values() if one.state == "open")
    return next((one for one in there if one.body.get("external_id") == name), None)


def _is_latest(view: View, wanted: str) -> None:
    if wanted and wanted != view.hash:
        raise SlackError("hash_conflict")
