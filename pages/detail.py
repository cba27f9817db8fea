"""One request as its page shows it: built from the request object, nothing read, nothing decided."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from approvals import answer_form as answering
from approvals import edit_form as editing
from approvals import lines as payload
from approvals import words
from approvals.present import seats, voter
from approvals.quorum import AGREEING
from approvals.shape import DecisionShown, MessageShown, RequestObject, StageShown
from pages.changes import ChangeLine, change_lines

decode = msgspec.json.Decoder(RequestObject).decode

#: People named beside a role; the rest is counted.
NAMED: Final = 5
#: From this size on (bytes of JSON) a payload stands on the page only in part, until somebody opens it all.
LARGE: Final = 24 * 1024
#: Where nobody approves what they have not opened.
OPENED_FIRST: Final = frozenset({"high", "critical"})


@dataclass(frozen=True, slots=True)
class VoteLine:
    """One vote, with the instant parsed."""

    name: str
    mine: bool
    #: In whose place; it stands in `name`, too.
    behalf: str
    verdict: str
    comment: str
    channel: str
    at: datetime
    void: str | None

    @property
    def said(self) -> str:
        """The verdict in the past tense."""
        return words.VERDICTS[self.verdict]


@dataclass(frozen=True, slots=True)
class MessageLine:
    """Words about the request, with the instant parsed."""

    kind: str
    name: str
    mine: bool
    text: str
    evidence: list[payload.Row]
    at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a role: id (``per_…``), and the name, which says so where they are away."""

    id: str
    said: str


@dataclass(frozen=True, slots=True)
class StageLine:
    """One step of the plan and how far it has come."""

    number: int
    roles: tuple[str, ...]
    people: tuple[str, ...]
    more_people: int
    confirm: str | None
    distinct: bool
    needed: int
    given: int
    rejections: int
    state: str
    after_deadline: bool
    votes: tuple[VoteLine, ...]


@dataclass(frozen=True, slots=True)
class Deciding:
    """What the buttons need: what would be decided, exactly, and how it is to be said."""

    stage: int
    digest: str
    confirm: str | None
    why_not_approve: str | None
    comment_on_approve: bool
    comment_on_reject: bool
    edits: list[editing.Field]
    answers: list[answering.Field]
    may_return: bool
    #: The whole payload has to be opened before their yes counts.
    opens_first: bool

    @property
    def may_approve(self) -> bool:
        """Whether this person's yes would count."""
        return self.why_not_approve is None and not self.opens_first


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything `templates/parts/request.html` writes."""

    shown: RequestObject
    version: str
    created: datetime
    expires: datetime
    ended: datetime | None
    rows: list[payload.Row]
    folded: list[payload.Row]
    #: How many values do not stand on this page: it leads to all of them.
    left_out: int
    has_covered: bool
    raw: str
    context: list[payload.Row]
    evidence: list[payload.Row]
    stages: list[StageLine]
    earlier_votes: list[VoteLine]
    outcome: tuple[str, str] | None
    ended_by: list[VoteLine]
    tone: str
    state_line: str
    at_deadline: tuple[str, str | None]
    deciding: Deciding | None
    why_not: str | None
    asked_as: tuple[str, ...]
    #: In whose place the reader is asked; empty: in their own.
    stands_in_for: str
    may_cancel: bool
    changes: list[ChangeLine]
    messages: list[MessageLine]
    #: What a question was answered with, as people read it.
    answer: str
    #: When its content was erased, and by whom.
    erased: tuple[datetime, str] | None
    revealed: bool = False
    #: Where it is decided, in words, where the policy leaves out a place; empty once it ended.
    places: str = ""

    @property
    def pending(self) -> bool:
        """Whether it still waits."""
        return self.shown.status == "pending"

    @property
    def all_rows(self) -> int:
        """How many values the agent sent, facts included."""
        return len(self.rows) + len(self.folded) + self.left_out


@dataclass(frozen=True, slots=True)
class Seen:
    """Who looks, and what they may do about it."""

    person: str
    may_decide: bool
    why_not: str | None
    roles: frozenset[str]
    covered: frozenset[str] = frozenset()
    why_not_approve: str | None = None
    #: Where it is decided, in words, where the policy leaves out a place.
    places: str = ""
    #: In whose place they would decide; empty: in their own.
    stands_in_for: str = ""


def detail(
    shown: RequestObject,
    *,
    seen: Seen,
    members: Mapping[str, Sequence[Member]],
    revealed: bool = False,
    whole: bool = False,
) -> Detail:
    """The page of one request.

    Args:
        shown: the request object as people see it.
        seen: the reader: id (``per_…``), whether and why not they may decide, role names held now.
        members: the people who hold each role now, by role name.
        revealed: the payload holds its sensitive values, because the reader asked for them just now.
        whole: the reader opened all of it, however large.
    """
    rows = payload.of_request(shown, seen.covered)
    raw = payload.pretty(shown.payload)
    folded = rows[payload.FIRST_ROWS :]
    in_part = bool(folded) and len(raw) > LARGE and not whole
    opens_first = in_part and shown.risk in OPENED_FIRST
    stages = _stages(shown, seen, members)
    open_stage = _open_stage(shown)
    state = _state_line(shown, stages)
    return Detail(
        shown=shown,
        version=_version(shown, seen, revealed=revealed),
        created=words.moment(shown.created_at),
        expires=words.moment(shown.expires_at),
        ended=words.moment(shown.ended_at) if shown.ended_at else None,
        rows=rows[: payload.FIRST_ROWS],
        folded=[] if in_part else folded,
        left_out=len(folded) if in_part else 0,
        has_covered=any(row.covered for row in rows) and not revealed,
        raw="" if in_part else raw,
        context=payload.rows(shown.context),
        evidence=payload.rows(shown.evidence),
        stages=stages,
        earlier_votes=[
            _vote(vote, seen) for vote in shown.decisions if vote.revision != shown.revision
        ],
        outcome=None if shown.status == "pending" else _outcome(shown),
        ended_by=_ended_by(shown, seen),
        tone=_tone(shown),
        state_line=state,
        at_deadline=_at_deadline(shown, open_stage),
        deciding=_deciding(shown, seen, open_stage, opens_first=opens_first)
        if seen.may_decide
        else None,
        why_not=_why_not(seen) if shown.status == "pending" else None,
        asked_as=_asked_as(open_stage, seen),
        stands_in_for=seen.stands_in_for if seen.may_decide else "",
        may_cancel=shown.status == "pending" and shown.agent.owner.id == seen.person,
        changes=_changes(shown),
        messages=[_message(one, seen) for one in shown.messages],
        erased=_erased(shown),
        answer=shown.answer if isinstance(shown.answer, str) else payload.pretty(shown.answer),
        revealed=revealed,
        places=seen.places if shown.status == "pending" else "",
    )


def _outcome(shown: RequestObject) -> tuple[str, str]:
    initiator = any(stage.confirm == "initiator" for stage in shown.plan.stages)
    heading, meaning = words.outcome(shown.status, shown.basis, initiator=initiator)
    permit = shown.permit
    since = words.since(permit.state, result_missing=permit.result_missing) if permit else ""
    if permit is not None and permit.state in ("revoked", "lapsed"):
        return f"{heading}, then {'taken back' if permit.state == 'revoked' else 'lapsed'}", since
    return heading, since or meaning


def _erased(shown: RequestObject) -> tuple[datetime, str] | None:
    if shown.erased_at is None or shown.erased_by is None:
        return None
    return words.moment(shown.erased_at), words.eraser(shown.erased_by.kind, shown.erased_by.name)


def _tone(shown: RequestObject) -> str:
    """The colour of an end; what may not run any more is not green."""
    if shown.permit is not None and shown.permit.state in ("revoked", "lapsed"):
        return "quiet"
    return words.TONES.get(shown.status, "quiet")


def _open_stage(shown: RequestObject) -> StageShown | None:
    if shown.stage is None or shown.stage >= len(shown.plan.stages):
        return None
    return shown.plan.stages[shown.stage]


def _deciding(
    shown: RequestObject, seen: Seen, stage: StageShown | None, *, opens_first: bool
) -> Deciding | None:
    if stage is None:
        return None
    return Deciding(
        stage=stage.index,
        digest=shown.payload_digest or "",
        confirm=stage.confirm,
        why_not_approve=seen.why_not_approve,
        comment_on_approve=shown.plan.comment == "always",
        comment_on_reject=shown.plan.comment in {"always", "on_reject"},
        edits=[] if opens_first else _edits(shown, seen),
        answers=answering.fields(shown.payload) if shown.kind == "question" else [],
        may_return=shown.waiting_on == "people",
        opens_first=opens_first and seen.why_not_approve is None,
    )


def _edits(shown: RequestObject, seen: Seen) -> list[editing.Field]:
    if seen.why_not_approve is not None or shown.kind != "request":
        return []
    labels = {fact.pointer: fact.label for fact in shown.facts}
    return editing.fields(shown.payload, shown.plan.editable, labels, seen.covered)


def _changes(shown: RequestObject) -> list[ChangeLine]:
    return change_lines(shown.changes, {fact.pointer: fact.label for fact in shown.facts})


def _message(said: MessageShown, seen: Seen) -> MessageLine:
    return MessageLine(
        kind=said.kind,
        name=said.author.name,
        mine=said.author.id == seen.person,
        text=said.text,
        evidence=payload.rows(said.evidence),
        at=words.moment(said.at),
    )


def _asked_as(stage: StageShown | None, seen: Seen) -> tuple[str, ...]:
    if stage is None or not seen.may_decide or stage.confirm:
        return ()
    return tuple(role.title or role.name for role in stage.roles if role.name in seen.roles)


def _why_not(seen: Seen) -> str | None:
    if seen.may_decide:
        return None
    if seen.why_not:
        return seen.why_not
    return "This step does not ask you."


def _at_deadline(shown: RequestObject, stage: StageShown | None) -> tuple[str, str | None]:
    asks = shown.plan.on_expiry.startswith("ask:")
    last = asks and stage is not None and stage.index == len(shown.plan.stages) - 1
    sentence, role = words.at_deadline(shown.plan.on_expiry, last_stage=last)
    if role is not None and shown.plan.stages:
        titles = {asked.name: asked.title for asked in shown.plan.stages[-1].roles}
        role = titles.get(role) or role
    return sentence, role


def _stages(
    shown: RequestObject, seen: Seen, members: Mapping[str, Sequence[Member]]
) -> list[StageLine]:
    lines = []
    extra = len(shown.plan.stages) - 1 if shown.plan.on_expiry.startswith("ask:") else None
    for stage in shown.plan.stages:
        votes = [
            vote
            for vote in shown.decisions
            if vote.stage == stage.index and vote.revision == shown.revision
        ]
        after = stage.index == extra
        if after and not votes and shown.stage != stage.index:
            continue  # the deadline's own line says who is asked then
        lines.append(_stage(shown, stage, votes, seen, members, after=after))
    return lines


def _stage(
    shown: RequestObject,
    stage: StageShown,
    votes: list[DecisionShown],
    seen: Seen,
    members: Mapping[str, Sequence[Member]],
    *,
    after: bool,
) -> StageLine:
    counted = [vote for vote in votes if vote.void is None and vote.verdict != "return"]
    given = seats(vote for vote in counted if vote.verdict in AGREEING)
    refused = any(vote.verdict not in AGREEING for vote in counted)
    names = _who(shown, stage, counted, members)
    return StageLine(
        number=stage.index + 1,
        roles=tuple(role.title or role.name for role in stage.roles),
        people=tuple(names[:NAMED]),
        more_people=max(0, len(names) - NAMED),
        confirm=stage.confirm,
        distinct=stage.distinct_from_earlier,
        needed=stage.approvals,
        given=given,
        rejections=stage.rejections,
        state=_stage_state(shown, stage, given, refused=refused),
        after_deadline=after,
        votes=tuple(_vote(vote, seen) for vote in votes),
    )


def _who(
    shown: RequestObject,
    stage: StageShown,
    counted: list[DecisionShown],
    members: Mapping[str, Sequence[Member]],
) -> list[str]:
    """Who could still decide, by name; owner and initiator cannot, and who has voted has.

    Nor who is away, once somebody decided in their place.
    """
    owner, initiator = shown.agent.owner, shown.initiator
    if stage.confirm == "owner":
        return [owner.name]
    if stage.confirm == "initiator":
        return [initiator.name] if initiator else []
    voted = {vote.person.id for vote in counted} | {owner.id}
    voted |= {vote.on_behalf_of.id for vote in counted if vote.on_behalf_of}
    voted |= {initiator.id} if initiator else set()
    asked = (one for role in stage.roles for one in members.get(role.name, ()))
    return [one.said for one in dict.fromkeys(asked) if one.id not in voted]


def _stage_state(shown: RequestObject, stage: StageShown, given: int, *, refused: bool) -> str:
    if shown.stage == stage.index:
        return "open"
    if given >= stage.approvals:
        return "done"
    if shown.status == "rejected" and shown.basis != "policy" and refused:
        return "refused"
    return "later" if shown.stage is not None else "left"


def _ended_by(shown: RequestObject, seen: Seen) -> list[VoteLine]:
    """The votes that made the outcome, where people did."""
    verdicts = {"approved": AGREEING, "answered": AGREEING, "rejected": {"reject"}}
    return [
        _vote(vote, seen)
        for vote in shown.decisions
        if vote.verdict in verdicts.get(shown.status, ())
        and vote.void is None
        and vote.revision == shown.revision
    ]


def _vote(vote: DecisionShown, seen: Seen) -> VoteLine:
    return VoteLine(
        name=voter(vote),
        mine=vote.person.id == seen.person,
        behalf=vote.on_behalf_of.name if vote.on_behalf_of else "",
        verdict=vote.verdict,
        comment=vote.comment,
        channel=vote.channel,
        at=words.moment(vote.at),
        void=vote.void,
    )


def _state_line(shown: RequestObject, stages: Sequence[StageLine]) -> str:
    """The state in one line, for those who hear the page."""
    if shown.status != "pending":
        return _outcome(shown)[0]
    if shown.waiting_on == "agent":
        return "waiting for the agent's answer"
    for stage in stages:
        if stage.state == "open":
            where = f"step {stage.number} of {len(stages)}, " if len(stages) > 1 else ""
            return f"waiting, {where}{stage.given} of {words.plural(stage.needed, 'approval')}"
    return "waiting"


def _version(shown: RequestObject, seen: Seen, *, revealed: bool) -> str:
    told = msgspec.json.encode(
        (shown, seen.may_decide, seen.why_not, seen.why_not_approve, revealed)
    )
    return hashlib.sha256(told).hexdigest()[:16]
