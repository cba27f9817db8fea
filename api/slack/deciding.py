"""Deciding in Slack: a press, or a modal that was sent, counted or refused with a word to one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from api.slack import modals, people, pressed
from api.slack.afterwards import afterwards
from api.slack.pressed import Forged, Pressed, card_of
from approvals import answer_form, read
from approvals.choices import choice
from approvals.decide import decide
from approvals.edit_form import Unreadable
from approvals.edit_form import read as read_edits
from approvals.row import Row
from core.db import pool
from core.problems import Problem
from notifications.card import Card
from notifications.slack import binding
from notifications.slack.binding import Bound
from notifications.slack.blocks import APPROVE, OPEN
from notifications.slack.signature import Installed

#: What a modal has to be opened within, after a press; Slack says three seconds.
_DONE: Final = {
    "approve": "You approved.",
    "reject": "You rejected.",
    "edit": "You changed it and approved.",
    "answer": "You answered.",
    "return": "You gave it back to the agent.",
}


def press(payload: Mapping[str, Any], installed: Sequence[Installed]) -> None:
    """Somebody pressed a button of a card.

    Raises:
        Forged: it is no button of ours.
    """
    for action in payload.get("actions", []):
        if action.get("action_id") == OPEN:
            return
        if action.get("action_id") in modals.TITLES:
            _press(payload, action, installed)
            return
    raise Forged


def _press(
    payload: Mapping[str, Any], action: Mapping[str, Any], installed: Sequence[Installed]
) -> None:
    container = payload.get("container", {})
    channel = str(container.get("channel_id") or payload.get("channel", {}).get("id", ""))
    place = f"{channel}:{container.get('message_ts', '')}"
    found = pressed.find(installed, action.get("value"), place)
    user = payload.get("user", {})
    who = _known(found, installed, payload, channel)
    if who is None:
        return
    reader = people.reader_of(who)
    try:
        row = read.for_person(reader=reader, request_id=found.copy.request)
    except Problem as problem:
        afterwards.whisper(found.installation, channel, user["id"], pressed.sentence(problem))
        return
    card = card_of(row)
    with pool().connection() as conn:
        people.viewed(conn, found.copy.id)
    kind = action["action_id"]
    why_not = pressed.why_not(found, card, agrees=kind in pressed.AGREES)
    if why_not is not None:
        afterwards.whisper(found.installation, channel, user["id"], why_not)
        afterwards.rewrite(found.installation, found.copy)
        return
    deciding = card.deciding
    if kind != APPROVE or (deciding is not None and deciding.comment_on_approve):
        view = modals.view(kind, card, row, str(action["value"]))
        opening = {"trigger_id": str(payload.get("trigger_id", "")), "view": view}
        afterwards.call(found.installation, "views.open", opening)
        return
    said = _decide(found, card, who, "approve", comment="")
    afterwards.whisper(found.installation, channel, user["id"], said)
    afterwards.rewrite(found.installation, found.copy)


def _known(
    found: Pressed, installed: Sequence[Installed], payload: Mapping[str, Any], channel: str
) -> Bound | None:
    """Who pressed; None where they were told why that is nobody who may."""
    user = payload.get("user", {})
    id = str(user.get("id", ""))
    own = [one for one in installed if one.id == found.installation]
    bound = people.bound(own, id)
    if bound and bound[0].active:
        return bound[0]
    if bound:
        said = "Nothing was decided: your account here is not active any more."
    else:
        said = _introduction(own[0], id, payload)
    afterwards.whisper(found.installation, channel, id, said)
    return None


def _introduction(installed: Installed, user: str, payload: Mapping[str, Any]) -> str:
    told = payload.get("user", {})
    team = str(told.get("team_id") or payload.get("team", {}).get("id") or installed.team or "")
    name = str(told.get("name") or told.get("username") or user)
    link = binding.link_for(
        workspace=installed.workspace,
        installation=installed.id,
        team=team,
        user=user,
        user_name=name,
    )
    return (
        "Nothing was decided: Assentry does not know who you are. Connect your Slack user, once: "
        f"{link} (for you alone, for ten minutes)"
    )


def _decide(
    found: Pressed, card: Card, who: Bound, verdict: str, *, comment: str, **extra: Any
) -> str:
    """Count it, and say so; or say why it was not.

    Raises:
        Problem: 422, for what can be mended in a modal.
    """
    deciding = card.deciding
    assert deciding is not None  # noqa: S101  # why_not looked
    try:
        decide(
            actor=people.actor_of(who),
            reader=people.reader_of(who),
            request_id=card.request,
            chosen=choice(
                verdict=verdict,
                stage=deciding.stage,
                payload_digest=deciding.payload_digest,
                comment=comment,
                channel=people.CHANNEL,
                assurance=people.ASSURANCE,
                shown_digest=found.digest,
                **extra,
            ),
        )
    except Problem as problem:
        if problem.status == 422:
            raise
        # Slack repeats a press that it heard no answer to: the vote that stands is the answer.
        if problem.code == "already_voted" and _voted(found, who, verdict):
            return _DONE[verdict]
        return pressed.sentence(problem)
    return _DONE[verdict]


def _voted(found: Pressed, who: Bound, verdict: str) -> bool:
    row = read.for_person(reader=people.reader_of(who), request_id=found.copy.request)
    return any(
        vote["person_id"] == str(who.person)
        and vote["stage"] == found.copy.stage
        and vote["revision"] == row.revision
        and vote["verdict"] == verdict
        and not vote["void"]
        for vote in row.decisions or ()
    )


def submit(payload: Mapping[str, Any], installed: Sequence[Installed]) -> dict[str, Any] | None:
    """Somebody sent a modal: what Slack is to show, or None to close it.

    Raises:
        Forged: it is no modal of ours.
    """
    view = payload.get("view", {})
    action = view.get("callback_id")
    if action not in modals.TITLES:
        raise Forged
    found = pressed.find(installed, view.get("private_metadata"))
    own = [one for one in installed if one.id == found.installation]
    bound = people.bound(own, str(payload.get("user", {}).get("id", "")))
    if not bound or not bound[0].active:
        return _update("Nothing was decided: Assentry does not know who you are.")
    who = bound[0]
    try:
        row = read.for_person(reader=people.reader_of(who), request_id=found.copy.request)
    except Problem as problem:
        return _update(pressed.sentence(problem))
    card = card_of(row)
    why_not = pressed.why_not(found, card, agrees=action in pressed.AGREES)
    if why_not is not None:
        return _update(why_not)
    given = modals.typed(view.get("state", {}).get("values", {}))
    return _submitted(found, card, row, who, action, given)


def _submitted(
    found: Pressed, card: Card, row: Row, who: Bound, action: str, given: Mapping[str, str]
) -> dict[str, Any] | None:
    verdict = modals.VERDICTS[action]
    try:
        extra = _extra(verdict, row, given)
        said = _decide(found, card, who, verdict, comment=modals.comment_of(given), **extra)
    except Unreadable as error:
        return _errors({_first_field(given): str(error)})
    except Problem as problem:
        detail = problem.errors[0].detail if problem.errors else problem.detail
        words = problem.errors and problem.errors[0].pointer == "/comment"
        return _errors({modals.COMMENT if words else _first_field(given): detail})
    afterwards.rewrite(found.installation, found.copy)
    return None if said == _DONE[verdict] else _update(said)


def _extra(verdict: str, row: Row, given: Mapping[str, str]) -> dict[str, Any]:
    if verdict == "edit":
        offered = modals.edits_of(row)
        form = {one.name: given.get(f"f{at}", "") for at, one in enumerate(offered)}
        edits = read_edits(form, offered)
        if not edits:
            raise Unreadable("You changed nothing: approve it as it is, or change a value.")
        return {"edits": edits}
    if verdict == "answer":
        asked = modals.questions_of(row)
        form = {one.name: given.get(f"f{at}", "") for at, one in enumerate(asked)}
        return {"answer": answer_form.read(form, msgspec.json.decode(row.payload))}
    return {}


def _first_field(given: Mapping[str, str]) -> str:
    return next((block for block in given if block.startswith("f")), modals.COMMENT)


def _errors(errors: Mapping[str, str]) -> dict[str, Any]:
    return {"response_action": "errors", "errors": dict(errors)}


def _update(text: str) -> dict[str, Any]:
    return {"response_action": "update", "view": modals.said("Assentry", text)}
