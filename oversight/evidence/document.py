"""The packet as a document that people read: the same sections for the page and the PDF.

Headings and labels are ours.  Whatever others wrote stands in a value, a cell or a box, never in a heading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from core import visible
from people.names import standing_in

#: Longer texts are cut; the packet as JSON has them whole.
MOST: Final = 16_000
#: So many characters of boxes in all, then they are only named.
BUDGET: Final = 200_000
#: So many rows of a table; the packet as JSON has them all.
ROWS: Final = 500
BASES: Final[Mapping[str, str]] = {
    "people": "people decided",
    "confirm": "the owner or initiator confirmed",
    "policy": "the policy decided",
    "clock": "nobody decided in time",
    "agent": "the agent withdrew it",
    "owner": "the owner withdrew it",
    "break_glass": "two administrators approved it past its plan",
    "kill_switch": "the kill switch ended it",
}
#: What a deadline became, in words.
_BECAME: Final[Mapping[str, str]] = {
    "replaced": "a changed payload set another",
    "asked_one_more": "the clock asked one more role",
    "expired": "the clock ended it",
    "approved_by_silence": "the clock approved it, as its policy says",
    "ended_before": "it ended before",
    "extended": "a reviewer gave it more time",
}
#: What made a step due, in words; empty: a person did.
_CAUSED: Final[Mapping[str, str]] = {
    "clock": "its time had come",
    "unreached": "nobody could be reached",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels of ours, and what stands beside each."""

    rows: Sequence[tuple[str, str]]
    type: str = "facts"


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``more`` says how many rows were left out."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    more: int = 0
    type: str = "table"


@dataclass(frozen=True, slots=True)
class Box:
    """A text that somebody else wrote, or data: set apart, in one width."""

    label: str
    text: str
    type: str = "box"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence of ours."""

    text: str
    type: str = "note"


Block: TypeAlias = Facts | Table | Box | Note


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of ours, and what stands below it."""

    title: str
    blocks: Sequence[Block]


def sections(packet: Mapping[str, Any]) -> list[Section]:
    """The document of a packet (`packet.readable`)."""
    found = [
        _outcome(packet),
        _who(packet),
        *(_revision(one) for one in packet["revisions"]),
        _policy(packet),
        _stages(packet),
        _decisions(packet),
        _words(packet),
        _clock(packet),
        _permits(packet),
        _callbacks(packet),
        _told(packet),
        _events(packet),
        _proof(packet),
    ]
    return _bounded(found)


def when(text: str | None) -> str:
    """An instant as people read it, to the second, in UTC; a dash where there is none."""
    if text is None:
        return "–"
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _outcome(packet: Mapping[str, Any]) -> Section:
    request = packet["request"]
    basis = BASES.get(request["basis"] or "", "–")
    blocks: list[Block] = [
        Facts(
            [
                ("Request", request["id"]),
                ("Kind", request["kind"]),
                ("Title", _line(request["title"])),
                ("Action", request["action"]),
                ("Risk", request["risk"]),
                ("Outcome", request["status"]),
                ("Because", basis),
                ("Asked", when(request["created_at"])),
                ("Ended", when(request["ended_at"])),
                ("In one sentence", request["said"]),
            ]
        )
    ]
    if request["erased"]:
        blocks.append(Note("What was asked has been erased since. The events below still verify."))
    if packet["differences"]:
        blocks.append(Note("The tables and the log do not agree. Somebody changed one of them:"))
        blocks.append(Box("Differences", "\n".join(packet["differences"])))
    return Section("What became of it", blocks)


def _who(packet: Mapping[str, Any]) -> Section:
    agent, run = packet["agent"], packet["run"]
    facts = [
        ("Agent", f"{_line(agent['name'])} ({agent['id']})"),
        ("Its owner", _person(agent["owner"])),
        ("Key", agent["key"]["id"]),
        ("Agent registered", when(agent["created_at"])),
    ]
    blocks: list[Block] = []
    if run is None:
        facts.append(("Run", "the agent named none"))
    else:
        facts += [
            ("Run", f"{_line(run['external_id'])} ({run['id']})"),
            ("Agent's version", _line(run["agent_version"] or "–")),
            ("Started by", _person(run["initiator"]) if run["initiator"] else "nobody proven"),
            ("Run began", when(run["started_at"])),
            ("Steps told", str(run["steps_in_all"])),
        ]
        blocks.append(
            _table(
                ("Step", "Kind", "Name", "Began", "Status"),
                [
                    (
                        str(one["number"]),
                        one["kind"],
                        _line(one["name"]),
                        when(one["started_at"]),
                        one["status"],
                    )
                    for one in run["steps"]
                ],
            )
        )
    return Section("Who asked", [Facts(facts), *blocks])


def _revision(one: Mapping[str, Any]) -> Section:
    plan, stated = one["plan"], one["stated"]
    blocks: list[Block] = [
        Facts(
            [
                ("Written by", _person(one["author"])),
                ("At", when(one["created_at"])),
                ("SHA-256 of the payload", one["payload_digest"] or "erased"),
                ("Policy's rule", _line(plan["rule"] or "none")),
                ("Policy said", f"{plan['effect']}: {_line(plan['why'])}"),
                ("To be decided in", ", ".join(plan["channels"])),
                ("Proof of who decides", f"{plan['assurance']} at least"),
                ("Covered", ", ".join(map(_line, one["covered"])) or "nothing"),
            ]
        )
    ]
    if one["erased"]:
        blocks.append(Note("This payload was erased."))
    else:
        blocks.append(Box("Payload", _json(one["payload"])))
    if one["changes"]:
        blocks.append(Box("Changed against the revision before", _json(one["changes"])))
    if stated["summary"]:
        blocks.append(Box("The agent's summary", _text(stated["summary"])))
    more = {name: stated[name] for name in ("context", "evidence", "metadata") if stated[name]}
    if more:
        blocks.append(Box("What the agent stated with it", _json(more)))
    blocks.append(
        _table(
            ("Rule", "Condition", "Came to"),
            [
                (
                    _line(each["rule"]),
                    _line(each["when"] or "always"),
                    _line(each["error"] or each["result"]),
                )
                for each in plan["trace"]
            ],
        )
    )
    return Section(f"What was asked: revision {one['number']}", blocks)


def _policy(packet: Mapping[str, Any]) -> Section:
    rows = [
        (
            str(one["number"]),
            when(one["applied_at"]),
            _person(one["applied_by"]) if one["applied_by"] else _actor(one["actor"]),
            one["digest"],
            "the same" if one["digest"] == one["text_digest"] else "changed since",
        )
        for one in packet["policy"]
    ]
    head = ("Version", "Applied", "By", "SHA-256", "Text today")
    return Section("Under which policy", [_table(head, rows)])


def _stages(packet: Mapping[str, Any]) -> Section:
    rows = [
        (
            f"{one['revision']}.{one['stage'] + 1}",
            ", ".join(_line(role["title"]) for role in one["roles"])
            or f"the {one['confirm']} confirms",
            f"{one['approvals']} to approve, {one['rejections']} to reject",
            "; ".join(f"{when(each['at'])} ({each['reason']})" for each in one["opened"]),
            when(one["closed_at"]),
        )
        for one in packet["stages"]
    ]
    head = ("Revision.stage", "Asked", "Needed", "Opened", "Closed")
    return Section("Who was asked", [_table(head, rows)])


def _open_for(dwell_ms: int | None) -> str:
    return "not on record" if dwell_ms is None else f"{dwell_ms / 1000:.1f} s"


def _decisions(packet: Mapping[str, Any]) -> Section:
    blocks: list[Block] = []
    for number, one in enumerate(packet["decisions"], 1):
        void = one["void"]
        took = one["seconds_to_decide"]
        facts = [
            ("Decision", f"{number}: {one['verdict']} ({one['id']})"),
            ("Person", _voter(one)),
            ("Roles held then", ", ".join(map(_line, one["roles"] or ())) or "not known any more"),
            ("At", when(one["at"])),
            ("Time to decide", "–" if took is None else f"{took:g} s"),
            ("Had it open for", _open_for(one["dwell_ms"])),
            ("Revision and stage", f"{one['revision']}.{one['stage'] + 1}"),
            ("Signed in by", f"{one['channel']}, {one['assurance']}"),
            ("Payload shown (SHA-256)", one["shown"] or "not known any more"),
            ("All that was shown (SHA-256)", one["shown_digest"] or "not on record"),
            (
                "Counts",
                "yes" if void is None else f"no, since {when(void['at'])}: {void['reason']}",
            ),
        ]
        blocks.append(Facts(facts))
        if one["comment"]:
            blocks.append(Box("Reason given", _text(one["comment"])))
        if one["answer"] is not None:
            blocks.append(Box("Answer given", _json(one["answer"])))
    if packet["refused"]:
        rows = [
            (when(one["at"]), one["person"] or "–", one["verdict"], one["code"])
            for one in packet["refused"]
        ]
        blocks.append(_table(("Refused at", "Person", "Wanted", "Because"), rows))
    return Section("Who decided", blocks or [Note("No person decided.")])


def _words(packet: Mapping[str, Any]) -> Section:
    blocks: list[Block] = []
    for one in packet["messages"]:
        facts = [
            ("Kind", one["kind"]),
            ("Written by", _person(one["author"])),
            ("At", when(one["at"])),
        ]
        blocks += [Facts(facts), Box("Words", _text(one["text"]))]
        if one["evidence"]:
            blocks.append(Box("Pointed to", _json(one["evidence"])))
    glass = packet["break_glass"]
    for one in glass["confirmations"] if glass else ():
        facts = [("Approved past the plan by", _person(one["person"])), ("At", when(one["at"]))]
        blocks += [Facts(facts), Box("Reason given", _text(one["reason"]))]
    if glass and glass["review"]:
        one = glass["review"]
        facts = [("Reviewed afterwards by", _person(one["person"])), ("At", when(one["at"]))]
        blocks += [Facts(facts), Box("Comment", _text(one["comment"]))]
    return Section("What was said", blocks or [Note("Nobody wrote anything.")])


def _clock(packet: Mapping[str, Any]) -> Section:
    rows = [
        (
            when(one["set_at"]),
            when(one["due_at"]),
            when(one["fired_at"]),
            _BECAME.get(one["became"] or "", "it is running"),
        )
        for one in packet["clock"]["deadlines"]
    ]
    said = Note(f"All times are those of {packet['clock']['source']}.")
    table = _table(("Deadline set", "Due", "Clock acted", "What became of it"), rows)
    steps = [
        (
            f"{one['does']} {_line(one['target'])}".strip(),
            when(one["due_at"]),
            when(one["fired_at"]),
            one["state"] + (f": {_line(one['reason'])}" if one["reason"] else ""),
            _CAUSED.get(one["cause"], "") or f"{_line(one['by'] or 'somebody')} said: now",
        )
        for one in packet["clock"]["steps"]
    ]
    head = ("While nobody decided", "Due", "Done", "State", "Because")
    taken = _table(head, steps) if steps else Note("No step of an escalation was taken.")
    return Section("The clock", [said, table, taken])


def _permits(packet: Mapping[str, Any]) -> Section:
    rows = [
        (
            one["id"],
            when(one["issued_at"]),
            when(one["expires_at"]),
            when(one["consumed_at"]),
            _line(one["consumed_by"]["name"] or "–") if one["consumed_by"] else "–",
            when(one["revoked_at"]),
        )
        for one in packet["permits"]
    ]
    head = ("Permit", "Picked up", "Valid until", "Used", "By", "Worthless since")
    blocks: list[Block] = [_table(head, rows) if rows else Note("No permit was picked up.")]
    result = packet["result"]
    if result is None:
        blocks.append(Note("Nobody told a result."))
    else:
        facts = [
            ("Result, as the agent tells it", result["status"]),
            ("Told at", when(result["reported_at"])),
            ("Cost", result["cost"] or "–"),
        ]
        blocks.append(Facts(facts))
        if result["detail"]:
            blocks.append(Box("Detail", _text(result["detail"])))
    return Section("What was done", blocks)


def _callbacks(packet: Mapping[str, Any]) -> Section:
    rows = [
        (
            one["type"],
            _line(one["url"]),
            one["state"],
            "; ".join(
                f"{when(each['at'])}: {each['status'] or each['failure']}"
                f" in {each['milliseconds']} ms"
                for each in one["attempts"]
            )
            or "none yet",
        )
        for one in packet["callbacks"]
    ]
    table = _table(("Callback", "Address", "State", "Attempts"), rows)
    return Section("How the agent was told", [table if rows else Note("No callback was due.")])


def _told(packet: Mapping[str, Any]) -> Section:
    rows = [
        (
            _line(one["person"]["name"] if one["person"] else one["role"]),
            f"{one['kind']}, by {one['channel']}",
            one["state"] + (f": {_line(one['reason'])}" if one["reason"] else ""),
            when(one["sent_at"]),
            when(one["viewed_at"]),
        )
        for one in packet["told"]
    ]
    table = _table(("Who", "What", "State", "Sent", "First opened"), rows)
    none = Note("Nobody was told by any channel: the inbox shows what waits.")
    return Section("How people were told", [table if rows else none])


def _events(packet: Mapping[str, Any]) -> Section:
    rows = [
        (
            str(one["position"]),
            when(one["event"]["at"]),
            one["event"]["kind"].replace(".", " ").replace("_", " "),
            _actor(one["event"]["actor"]),
            one["event"]["id"],
        )
        for one in packet["events"]
    ]
    head = ("Position", "At", "What happened", "By", "Event")
    return Section("What the log says", [_table(head, rows)])


def _proof(packet: Mapping[str, Any]) -> Section:
    checkpoint = packet["checkpoint"]
    return Section(
        "How to check it",
        [
            Note(
                "Each event above is proven against this signed checkpoint of the log. The proofs stand in "
                "the packet as JSON; docs/log-format.md says how anybody checks them without this server."
            ),
            Facts(
                [
                    ("Log", packet["origin"]),
                    ("Events in the log then", str(checkpoint["size"])),
                    ("Signed", when(checkpoint["at"])),
                    ("Root", checkpoint["root"]),
                    ("This packet was made", when(packet["created_at"])),
                    ("By", packet["software"]),
                ]
            ),
            Box("Signed checkpoint", checkpoint["note"]),
            Box("Keys of the log (compare them with those you kept)", "\n".join(packet["keys"])),
        ],
    )


def _bounded(found: Sequence[Section]) -> list[Section]:
    """The sections, boxes beyond the budget without their text: nobody reads them, and drawing takes long."""
    left = BUDGET
    kept = []
    for section in found:
        blocks: list[Block] = []
        for block in section.blocks:
            if isinstance(block, Box):
                left -= len(block.text)
                if left < 0 and len(block.text) > 2_000:
                    blocks.append(Box(block.label, "[left out here; the packet as JSON has it]"))
                    continue
            blocks.append(block)
        kept.append(Section(section.title, blocks))
    return kept


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    return Table(head, rows[:ROWS], max(0, len(rows) - ROWS))


def _person(one: Mapping[str, Any]) -> str:
    return f"{_line(one['name'])} ({one['id']})"


def _voter(one: Mapping[str, Any]) -> str:
    behalf = one["on_behalf_of"]
    return standing_in(_person(one["person"]), None if behalf is None else _person(behalf))


def _actor(actor: Mapping[str, Any] | None) -> str:
    if actor is None:
        return "–"
    return f"{actor['type']} {actor['id'] or actor['via']}"


def _json(value: Any) -> str:
    return _text(json.dumps(value, indent=2, ensure_ascii=False))


def _text(text: str) -> str:
    """A text with what hides made plain, cut where it is too long to be read."""
    said = visible.plain(text[:MOST])
    if len(text) <= MOST and len(said) <= 2 * MOST:
        return said
    # Marks of hidden characters are longer than they are.
    kept = said[: 2 * MOST]
    return f"{kept}\n[cut here: it has {len(text):,} characters; the packet as JSON has them all]"


def _line(text: str) -> str:
    return visible.plain(text[:500], one_line=True)
