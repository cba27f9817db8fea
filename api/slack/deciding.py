"""Deciding in Slack: a press, or a modal that was sent, counted or refused with a word to one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from api.slack import forms, modals, people, pressed
from api.slack.afterwards import afterwards
from api.slack.pressed import Forged, Pressed, card_of
from api.slack.reading import part, text
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
from notifications.slack.blocks import APPROVE, OPEN, REJECT
from notifications.slack.signature import Installed

#: What somebody did, said to them.
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
    actions = payload.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else None
    kind = text(action, "action_id") if isinstance(action, dict) else ""
    if kind == OPEN:
        return
    if not isinstance(action, dict) or kind not in modals.TITLES:
        raise Forged
    _press(payload, action, installed)


def _press(
    payload: Mapping[str, Any], action: Mapping[str, Any], installed: Sequence[Installed]
) -> None:
    container = part(payload, "container")
    channel = text(container, "channel_id") or text(part(payload, "channel"), "id")
    place = f"{channel}:{text(container, 'message_ts')}"
    value = text(action, "value")
    found = pressed.find(installed, value, place)
    user = text(part(payload, "user"), "id")
    who = _known(found, installed, payload, channel)
    if who is None:
        return
    try:
        row = read.for_person(reader=people.reader_of(who), request_id=found.copy.request)
    except Problem as problem:
        afterwards.whisper(found.installation, channel, user, pressed.sentence(problem))
        return
    card = card_of(row)
    kind = text(action, "action_id")
    pressed.check_offered(kind, card)
    with pool().connection() as conn:
        people.viewed(conn, found.copy.id)
    why_not = _why_not(found, card, row, who, kind)
    deciding = card.deciding
    if why_not is None and (kind != APPROVE or (deciding and deciding.comment_on_approve)):
        view = modals.view(kind, card, row, value)
        opening = {"trigger_id": text(payload, "trigger_id"), "view": view}
        afterwards.call(found.installation, "views.open", opening)
        return
    said = why_not or _decide_at_once(found, card, who)
    link = None if said in _DONE.values() else pressed.page(card)
    afterwards.whisper(found.installation, channel, user, said, link=link)
    afterwards.rewrite(found.installation, found.copy)


def _why_not(found: Pressed, card: Card, row: Row, who: Bound, kind: str) -> str | None:
    """What to tell whoever pressed, in the place of deciding; None where it can be decided."""
    verdict = modals.VERDICTS[kind]
    if kind == APPROVE and _voted(found, who, verdict):
        # Slack repeats a press that it heard no answer to: the vote that stands is the answer.
        return _DONE[verdict]
    if kind in (APPROVE, REJECT) and card.pending and not card.decidable_in("slack"):
        # No card has this button.  Whoever sent it anyway is refused where everybody is, on record.
        return _decide_at_once(found, card, who, verdict)
    why_not = pressed.why_not(found, card, agrees=kind in pressed.AGREES)
    if why_not is None and not forms.fits(kind, row):
        return "Nothing was decided: not all of it fits in Slack. Open it, and do it there."
    return why_not


def _decide_at_once(found: Pressed, card: Card, who: Bound, verdict: str = "approve") -> str:
    """A verdict without words; what is to be said of it."""
    try:
        return _decide(found, card, who, verdict, comment="")
    except Problem as problem:
        return pressed.sentence(problem)


def _known(
    found: Pressed, installed: Sequence[Installed], payload: Mapping[str, Any], channel: str
) -> Bound | None:
    """Who pressed; None where they were told why that is nobody who may."""
    user = part(payload, "user")
    id = text(user, "id")
    own = [one for one in installed if one.id == found.installation]
    bound = people.bound(own, id, text(user, "team_id"))
    if bound and bound[0].active:
        return bound[0]
    if bound:
        said = "Nothing was decided: your account here is not active any more."
        afterwards.whisper(found.installation, channel, id, said)
    else:
        _introduce(own[0], id, payload, channel)
    return None


def _introduce(installed: Installed, user: str, payload: Mapping[str, Any], channel: str) -> None:
    told = part(payload, "user")
    team = text(told, "team_id") or text(part(payload, "team"), "id") or installed.team or ""
    name = text(told, "name") or text(told, "username") or user
    link = binding.link_for(
        workspace=installed.workspace,
        installation=installed.id,
        team=team,
        user=user,
        user_name=name,
    )
    said = (
        "Nothing was decided: Assentry does not know who you are. Connect your Slack user, once, "
        "by this link, while you are signed in. It is for you alone, and lasts ten minutes."
    )
    afterwards.whisper(installed.id, channel, user, said, link=("Connect", link))


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
    view = part(payload, "view")
    action = text(view, "callback_id")
    if action not in modals.TITLES:
        raise Forged
    found = pressed.find(installed, text(view, "private_metadata"))
    own = [one for one in installed if one.id == found.installation]
    user = part(payload, "user")
    bound = people.bound(own, text(user, "id"), text(user, "team_id"))
    if not bound or not bound[0].active:
        return _update("Nothing was decided: Assentry does not know who you are.")
    who = bound[0]
    try:
        row = read.for_person(reader=people.reader_of(who), request_id=found.copy.request)
    except Problem as problem:
        return _update(pressed.sentence(problem))
    card = card_of(row)
    pressed.check_offered(action, card)
    why_not = pressed.why_not(found, card, agrees=action in pressed.AGREES)
    if why_not is not None:
        return _update(why_not, card)
    given = forms.typed(part(part(view, "state"), "values"))
    return _submitted(found, card, row, who, action, given)


def _submitted(
    found: Pressed, card: Card, row: Row, who: Bound, action: str, given: Mapping[str, str]
) -> dict[str, Any] | None:
    verdict = modals.VERDICTS[action]
    try:
        extra = _extra(verdict, row, given)
        said = _decide(found, card, who, verdict, comment=forms.comment_of(given), **extra)
    except Unreadable as error:
        return _errors({forms.block_of_name(verdict, row, error.name): str(error)})
    except Problem as problem:
        return _errors(forms.errors_of(verdict, row, problem))
    afterwards.rewrite(found.installation, found.copy)
    return None if said == _DONE[verdict] else _update(said, card)


def _extra(verdict: str, row: Row, given: Mapping[str, str]) -> dict[str, Any]:
    if verdict == "edit":
        offered = forms.edits_of(row)
        form = {one.name: given.get(f"f{at}", "") for at, one in enumerate(offered)}
        edits = read_edits(form, offered)
        if not edits:
            raise Unreadable("You changed nothing: approve it as it is, or change a value.")
        return {"edits": edits}
    if verdict == "answer":
        form = forms.answers_of(row, given)
        return {"answer": answer_form.read(form, msgspec.json.decode(row.payload))}
    return {}


def _errors(errors: Mapping[str, str]) -> dict[str, Any]:
    return {"response_action": "errors", "errors": dict(errors)}


def _update(text: str, card: Card | None = None) -> dict[str, Any]:
    link = None if card is None else pressed.page(card)
    return {"response_action": "update", "view": modals.said("Assentry", text, link)}
