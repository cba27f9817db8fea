"""From the `tests` of a document to its cases, with the faults of the whole reading."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

import msgspec

from core.canonical import JSON, canonical
from policies import schema
from policies.assurance import CHANNELS, LADDER
from policies.run_reads import RunFacts
from policies.shapes import ACTION, ROLE, Shapes
from policies.source import Node
from policies.terms import Case

_LONGEST_LABEL: Final = 100
_DEFAULT_NOW: Final = datetime.fromisoformat(schema.DEFAULT_NOW)


class CaseReader:
    """Reads cases for `reader`, which collects what is wrong with them."""

    def __init__(self, reader: Shapes) -> None:
        self.reader = reader

    def case(self, node: Node) -> Case | None:
        """Return the case that `node` says, or None where it is too faulty to run."""
        reader = self.reader
        fields = reader.fields(node, "case", "a case")
        if "given" not in fields or "expect" not in fields:
            return None
        name = reader.string(fields["name"], schema.MAX_NAME) if "name" in fields else ""
        given = reader.fields(fields["given"], "given", "“given”")
        action = None
        if "action" in given:
            form = "an action such as payments.refund"
            action = reader.matching(given["action"], ACTION, form)
        agent = given.get("agent")
        who = reader.fields(agent, "given_agent", "“agent”") if agent is not None else {}
        expect = self.expected(fields["expect"])
        if action is None or "payload" not in given:
            return None
        return Case(
            name=name or None,
            action=action,
            payload=self.payload(given["payload"]),
            agent_name=self.text(who.get("name"), "agent"),
            agent_owner=self.text(who.get("owner"), "owner@example.com"),
            count=self.number(who.get("count")),
            sum=self.number(who.get("sum"), least=-math.inf),
            run=self.run(given["run"]) if "run" in given else None,
            now=self.now(given.get("now")),
            expect=expect,
            place=node.place,
        )

    def text(self, node: Node | None, default: str) -> str:
        return default if node is None else self.reader.string(node, schema.MAX_NAME, default)

    def number(self, node: Node | None, *, least: float = 0, whole: bool = False) -> float:
        if node is None:
            return 0
        value = node.value
        right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if right and isinstance(value, int | float) and least <= value <= 1e15:
            return value
        what = "a whole number" if whole else "a number"
        detail = f"Write {what}." if least == -math.inf else f"Write {what} of {least:g} or more."
        self.reader.fail(node.place, detail)
        return 0

    def payload(self, node: Node) -> JSON:
        if not self.reader.kind(node, "map"):
            return {}
        # What is evaluated is what the canonical bytes say, as at a submit.
        found: JSON = msgspec.json.decode(canonical(node.plain()))
        return found

    def now(self, node: Node | None) -> datetime:
        if node is None:
            return _DEFAULT_NOW
        try:
            found = datetime.fromisoformat(str(node.value))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            detail = f"Write an instant with its offset, such as {schema.DEFAULT_NOW}."
            self.reader.fail(node.place, detail)
            return _DEFAULT_NOW
        return found

    def run(self, node: Node) -> RunFacts:
        reader = self.reader
        fields = reader.fields(node, "given_run", "“run”")
        tools: dict[str, int] = {}
        if "tools" in fields and reader.kind(fields["tools"], "map"):
            for name, times in fields["tools"].entries.items():
                tools[name] = int(self.number(times, least=1, whole=True))

        def label(item: Node) -> str | None:
            return reader.string(item, _LONGEST_LABEL) or None

        return RunFacts(
            tools,
            frozenset(reader.listed(fields.get("labels"), label, 50)),
            self.number(fields.get("cost")),
            int(self.number(fields.get("tokens"), whole=True)),
            self.number(fields.get("age")),
        )

    def expected(self, node: Node) -> dict[str, JSON]:
        reader = self.reader
        fields = reader.fields(node, "expect", "“expect”")
        found: dict[str, JSON] = {}
        if "effect" in fields:
            found["effect"] = reader.choice(fields["effect"], schema.EFFECTS, "ask")
        if "rule" in fields:
            rule = fields["rule"]
            none = rule.kind == "scalar" and rule.value is None
            found["rule"] = None if none else reader.string(rule, schema.MAX_NAME)
        if "stages" in fields and reader.kind(fields["stages"], "list"):
            found["stages"] = [self.stage(item) for item in fields["stages"].items]
        if "approvals" in fields and reader.kind(fields["approvals"], "list"):
            found["approvals"] = [reader.votes(item) for item in fields["approvals"].items]
        if "channels" in fields:
            named = reader.some(fields["channels"], CHANNELS)
            found["channels"] = [one for one in CHANNELS if one in named]
        if "assurance" in fields:
            found["assurance"] = reader.choice(fields["assurance"], LADDER, "session")
        return found

    def stage(self, node: Node) -> JSON:
        if node.kind == "scalar":
            return self.reader.choice(node, schema.CONFIRMS, "owner")
        return list(self.reader.listed(node, self.role, 100))

    def role(self, node: Node) -> str | None:
        return self.reader.matching(node, ROLE, "a role name")
