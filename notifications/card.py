"""What people are told of one thing: one model, which every channel shows in its own way.

It is made by the folder that knows the thing (`approvals.cards`), and holds no sensitive value and no
markup.  Texts are as they were written; a renderer makes what is hidden in them visible
(`core.visible`) and what its channel would take for markup inert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

#: How risks are ordered: the first is told first.
RISKS: Final = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Line:
    """One value of what would run: ``label`` is policy's, or the path inside what was sent.

    ``note`` says what the text alone could mislead about (its type, that it is covered).
    """

    label: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody said so far, in the past tense (``approved``)."""

    name: str
    said: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage that is open or was: whom it asks, and how far it has come."""

    asked: str
    needed: int
    given: int


@dataclass(frozen=True, slots=True)
class Deciding:
    """What a verdict here would count for, and how it may be said.

    ``channels`` are those in which a verdict counts, as policy has it and their proof suffices;
    ``digests`` has by channel the SHA-256 of what is decided on there (`approvals.shown`).
    """

    revision: int
    stage: int
    payload_digest: str
    channels: frozenset[str]
    digests: Mapping[str, bytes]
    comment_on_approve: bool
    comment_on_reject: bool
    may_return: bool
    may_edit: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One request or question as people are told of it.

    Attributes:
        request: its id; ``shown_id`` the same as people read it (``req_…``).
        kind: ``request`` or ``question``.
        title: one line of what would run, by policy's template.
        lines: every value of the payload, none left out; sensitive ones covered.
        words: the agent's own words, empty where it gave none.
        why: which rule asked, and why, in a sentence.
        steps: the open stage.
        votes: what was said so far of this revision.
        expires_at: the deadline; ``at_deadline`` says what happens then.
        agent, owner: the agent's name and its owner's.
        run: how its run is called, where it names one.
        heading: the state in a few words: ``Waiting for a decision``, ``Approved``.
        outcome: once it ended: who, when and what it means; empty while it waits.
        became: what became of an approval since: a permit used, a result.
        deciding: None where nothing can be decided.
        url: its page, under the configured base address.
        sequence: grows with each change.
    """

    request: UUID
    shown_id: str
    workspace: UUID
    workspace_name: str
    kind: str
    action: str
    title: str
    risk: str
    lines: tuple[Line, ...]
    words: str
    why: str
    steps: tuple[Step, ...]
    votes: tuple[Vote, ...]
    created_at: datetime
    expires_at: datetime
    at_deadline: str
    agent: str
    owner: str
    run: str
    status: str
    waiting_on: str | None
    heading: str
    outcome: str
    became: str
    deciding: Deciding | None
    url: str
    sequence: int

    @property
    def pending(self) -> bool:
        """Whether it still waits."""
        return self.status == "pending"

    @property
    def priority(self) -> int:
        """0 for critical, 3 for low."""
        return RISKS.index(self.risk)

    def decidable_in(self, channel: str) -> bool:
        """Whether a verdict given in this channel would count, if it comes from somebody who is asked."""
        return self.deciding is not None and channel in self.deciding.channels

    def digest(self, channel: str) -> bytes | None:
        """SHA-256 of what is decided on in this channel; None where nothing can be decided any more."""
        return None if self.deciding is None else self.deciding.digests.get(channel)
