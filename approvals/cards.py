"""From a request to the card that people are told of it by, whatever the channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals import lines, read, words
from approvals.frozen import decode as decode_plan
from approvals.present import request_object, seats, voter
from approvals.quorum import AGREEING
from approvals.row import Row
from approvals.shape import RequestObject, StageShown
from approvals.shown import shown_digest
from approvals.status import Kind, Status, Verdict, WaitingOn
from notifications.card import Card, Deciding, Line, Step, Vote
from policies.assurance import usable

#: A covered value, in the place of what policy calls sensitive.
COVERED: Final = "covered"


def cards(conn: Connection[Any], request_ids: Sequence[UUID]) -> Mapping[UUID, Card]:
    """The cards of these requests as they stand now; those that are gone left out."""
    if not request_ids:
        return {}
    return {row.id: card(row) for row in read.rows(conn, request_ids)}


def card(row: Row) -> Card:
    """The card of one request, sensitive values covered."""
    shown = request_object(row, for_person=True)
    stage = _open(shown)
    return Card(
        request=row.id,
        shown_id=shown.id,
        workspace=row.workspace_id,
        workspace_name=row.workspace,
        kind=shown.kind,
        action=shown.action,
        title=shown.title,
        risk=shown.risk,
        lines=_lines(shown, _covered(row)),
        words=shown.summary or "",
        why=_why(shown),
        steps=_steps(shown),
        votes=_votes(shown),
        created_at=row.created_at,
        expires_at=row.expires_at,
        at_deadline=_at_deadline(shown),
        agent=shown.agent.name,
        owner=shown.agent.owner.name,
        run=shown.run.external_id if shown.run else "",
        status=shown.status,
        waiting_on=shown.waiting_on,
        heading=_heading(shown),
        outcome=_outcome(shown),
        became=_became(shown),
        deciding=None if stage is None else _deciding(shown, stage, row),
        url=shown.links.page,
        sequence=shown.sequence,
    )


def _covered(row: Row) -> frozenset[str]:
    return frozenset(decode_plan(row.plan).sensitive)


def _lines(shown: RequestObject, covered: frozenset[str]) -> tuple[Line, ...]:
    found = lines.of_request(shown, covered)
    return tuple(Line(row.label, row.text, COVERED if row.covered else row.note) for row in found)


def _why(shown: RequestObject) -> str:
    version = f"Policy version {shown.plan.version}."
    return " ".join(part for part in (shown.plan.why, version, *shown.plan.notes) if part)


def _open(shown: RequestObject) -> StageShown | None:
    if shown.status != Status.PENDING or shown.stage is None:
        return None
    return shown.plan.stages[shown.stage]


def _asked(stage: StageShown) -> str:
    if stage.confirm is not None:
        return "The agent's owner" if stage.confirm == "owner" else "Whoever started the run"
    return " or ".join(role.title or role.name for role in stage.roles)


def _steps(shown: RequestObject) -> tuple[Step, ...]:
    """The stages that are open, done or still to come; the one for after the deadline once it is open."""
    extra = len(shown.plan.stages) - 1 if shown.plan.on_expiry.startswith("ask:") else None
    found = []
    for stage in shown.plan.stages:
        if stage.index == extra and shown.stage != extra:
            continue
        given = seats(
            vote
            for vote in shown.decisions
            if vote.stage == stage.index
            and vote.revision == shown.revision
            and vote.void is None
            and vote.verdict in AGREEING
        )
        found.append(Step(_asked(stage), stage.approvals, given))
    return tuple(found)


def _votes(shown: RequestObject) -> tuple[Vote, ...]:
    return tuple(
        Vote(voter(vote), words.VERDICTS[vote.verdict], vote.comment)
        for vote in shown.decisions
        if vote.revision == shown.revision and vote.void is None
    )


def _at_deadline(shown: RequestObject) -> str:
    asks = shown.plan.on_expiry.startswith("ask:")
    last = asks and shown.stage == len(shown.plan.stages) - 1
    sentence, role = words.at_deadline(shown.plan.on_expiry, last_stage=last)
    if role is None:
        return sentence
    titles = {asked.name: asked.title for asked in shown.plan.stages[-1].roles}
    return f"{sentence} {titles.get(role) or role}"


def _heading(shown: RequestObject) -> str:
    if shown.status != Status.PENDING:
        initiator = any(stage.confirm == "initiator" for stage in shown.plan.stages)
        return words.outcome(shown.status, shown.basis, initiator=initiator)[0]
    if shown.waiting_on == WaitingOn.AGENT:
        return "Given back to the agent"
    return "Waiting for an answer" if shown.kind == Kind.QUESTION else "Waiting for a decision"


def _outcome(shown: RequestObject) -> str:
    """Who ended it, and what that means."""
    if shown.status == Status.PENDING:
        return ""
    initiator = any(stage.confirm == "initiator" for stage in shown.plan.stages)
    meaning = words.outcome(shown.status, shown.basis, initiator=initiator)[1]
    agreed = shown.status in (Status.APPROVED, Status.ANSWERED)
    voted = [
        vote
        for vote in shown.decisions
        if vote.revision == shown.revision
        and vote.void is None
        and (vote.verdict in AGREEING if agreed else vote.verdict == Verdict.REJECT)
    ]
    between = "; " if any(vote.on_behalf_of for vote in voted) else ", "
    by = f"By {between.join(dict.fromkeys(map(voter, voted)))}." if voted else ""
    return " ".join(part for part in (by, meaning) if part)


def _became(shown: RequestObject) -> str:
    """What became of an approval since: its permit, and the result that was told."""
    if shown.permit is None:
        return ""
    said = words.since(shown.permit.state, result_missing=shown.permit.result_missing)
    if shown.result is not None:
        said = f"{said} Its result, as it was told: {shown.result.status}."
    return said.strip()


def _deciding(shown: RequestObject, stage: StageShown, row: Row) -> Deciding:
    plan = decode_plan(row.plan)
    return Deciding(
        revision=shown.revision,
        stage=stage.index,
        payload_digest=shown.payload_digest or "",
        channels=frozenset(usable(plan.channels, plan.assurance)),
        digests={channel: shown_digest(shown, channel) for channel in ("slack", "email")},
        comment_on_approve=shown.plan.comment == "always",
        comment_on_reject=shown.plan.comment in {"always", "on_reject"},
        may_return=shown.waiting_on == WaitingOn.PEOPLE,
        may_edit=bool(shown.plan.editable) and shown.kind == Kind.REQUEST,
    )
